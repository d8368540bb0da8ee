# The fuzzer of recipes; included by fuzz.cmake where REIN_FUZZ is on (clang).
add_executable(fuzz.recipe tests/fuzz/recipe.c)
target_compile_options(fuzz.recipe PRIVATE -fsanitize=fuzzer)
target_link_options(fuzz.recipe PRIVATE -fsanitize=fuzzer)
target_link_libraries(fuzz.recipe PRIVATE rein ${LIBS})
set_target_properties(fuzz.recipe PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
