/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz-replay FOLDER... - runs a fuzz target once over each file of its corpus, and over each file
 * cut in half: what fuzzing has found once stays found, without clang's fuzzer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_BYTES = 4096 };

/* The file's bytes, which the caller frees. */
static uint8_t *file_load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");

    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    *size = (size_t)ftell(file);
    uint8_t *data = malloc(*size + 1);
    rewind(file);
    if (!data || fread(data, 1, *size, file) != *size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return data;
}

/* In a block of exactly its size, so that a sanitizer sees a read beyond it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        exit(1);
    for (size_t i = 0; i < size; i++)
        copy[i] = data[i];
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static unsigned folder_replay(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    unsigned count = 0;

    if (!dir) {
        perror(folder);
        exit(1);
    }
    while ((entry = readdir(dir))) {
        char path[PATH_BYTES];
        size_t size;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        uint8_t *data = file_load(path, &size);
        run(data, size);
        run(data, size / 2);
        free(data);
        count++;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    for (int i = 1; i < argc; i++)
        count += folder_replay(argv[i]);
    printf("%u inputs\n", count);
    return count ? 0 : 1;
}
