/* One executable with two faces: the shim of a container, and the init that `--init` puts into one. */
#include "modes.h"
#include "util.h"

int main(int argc, char **argv)
{
  const char *name = argc > 0 ? argv[0] : "";
  const char *slash = strrchr(name, '/');
  name = slash != NULL ? slash + 1 : name;
  if (argc > 1 && strcmp(argv[1], "--init-mode") == 0)
    return init_main(argv + 2);
  if (strcmp(name, "docker-init") == 0)
    return init_main(argv + 1);
  return shim_main(argc > 1 ? argv[1] : NULL);
}
