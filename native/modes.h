/* The faces of the executable (main.c). Each returns the exit code of the program. */
#pragma once

int shim_main(void);
/* `argv`: the command, NULL at its end; a leading "--" is skipped. */
int init_main(char **argv);
