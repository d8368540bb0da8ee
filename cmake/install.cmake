# make install: the manual page and the completions are what the program prints.
include(GNUInstallDirs)
if(TARGET rein-bin)
  set(SHELL_FILES ${CMAKE_BINARY_DIR}/shell/rein.1 ${CMAKE_BINARY_DIR}/shell/rein.bash ${CMAKE_BINARY_DIR}/shell/_rein)
  add_custom_command(OUTPUT ${SHELL_FILES} DEPENDS rein-bin VERBATIM
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/shell
    COMMAND $<TARGET_FILE:rein-bin> man > ${CMAKE_BINARY_DIR}/shell/rein.1
    COMMAND $<TARGET_FILE:rein-bin> completion bash > ${CMAKE_BINARY_DIR}/shell/rein.bash
    COMMAND $<TARGET_FILE:rein-bin> completion zsh > ${CMAKE_BINARY_DIR}/shell/_rein)
  add_custom_target(shell-files ALL DEPENDS ${SHELL_FILES})
  install(FILES ${CMAKE_BINARY_DIR}/shell/rein.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${CMAKE_BINARY_DIR}/shell/rein.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME rein)
  install(FILES ${CMAKE_BINARY_DIR}/shell/_rein DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
