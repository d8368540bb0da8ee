# The environments' measurements: part of the library behind `rein bench`, and a small program. Included by bench.cmake.
target_sources(rein_bench PRIVATE bench/env.c)
target_link_libraries(rein_bench PUBLIC rein)
add_executable(bench-env bench/env_main.c)
target_link_libraries(bench-env PRIVATE rein_bench)
