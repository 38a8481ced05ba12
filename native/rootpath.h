/* Paths inside a container's root. What is there is the image's, hence hostile: nothing here ever leads out of the root. */
#pragma once
#include "plan.h"

/* The container's root as a descriptor; -errno when there is none yet. */
int root_fd(struct runner *run);
/* Opens what is at `path`, links followed within the root; -ENOENT when nothing is. */
int root_open(struct runner *run, const char *path, uint64_t flags);
/*
 * The directory that `path` lies in, made with its parents when missing, as an O_PATH descriptor; *name is the last component.
 * The last component may be a link: the caller decides with O_NOFOLLOW, O_EXCL.
 */
int root_open_parent(struct runner *run, const char *path, char name[NAME_MAX + 1]);
/* The directory at `path`, made with its parents when missing. */
int root_open_directory(struct runner *run, const char *path);
