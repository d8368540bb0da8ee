# Every outside library, and the one place where it is asked for.
list(APPEND LIBS dl)
foreach(package libfyaml jansson zlib sqlite3 hdf5-serial libseccomp cairo lapacke)
  pkg_check_modules(${package} REQUIRED IMPORTED_TARGET ${package})
  list(APPEND LIBS PkgConfig::${package})
endforeach()
# MuJoCo's own CMake file asks for OpenGL, which physics does not need
if(REIN_MUJOCO)
  file(GLOB MUJOCO_LIBRARY ${REIN_MUJOCO}/libmujoco.so.*)
  include_directories(BEFORE ${REIN_MUJOCO}/include)
else()
  find_library(MUJOCO_LIBRARY mujoco REQUIRED)
endif()
list(APPEND LIBS ${MUJOCO_LIBRARY})
