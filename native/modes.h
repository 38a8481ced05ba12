/* The faces of the executable (main.c). Each returns the exit code of the program. */
#pragma once

/* `title`: the argument that `ps` shows, which the shim writes its container's id over; or NULL. */
int shim_main(char *title);
/* `argv`: the command, NULL at its end; a leading "--" is skipped. */
int init_main(char **argv);
