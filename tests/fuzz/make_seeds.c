/*
 * make_seeds.c: writes the fuzzer's first inputs into a folder: each small kernel of
 * tests/fake/kernels.c behind each of the bytes that choose how it boots.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fake/kernels.h"

enum { CHOICES = 16 };

static void write_seed(const char *folder, const char *name, unsigned int choice,
		       const uint8_t *image, size_t size)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s-%x", folder, name, choice);
	file = fopen(path, "wb");
	if (!file || fputc((int)choice, file) == EOF || fwrite(image, size, 1, file) != 1 ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_seeds FOLDER\n");
		return 2;
	}
	for (const struct fake_kernel *kernel = fake_kernels; kernel->name; kernel++) {
		uint8_t image[FAKE_KERNEL_MAX];
		size_t size = kernel->make(image);

		for (unsigned int choice = 0; choice < CHOICES; choice++)
			write_seed(argv[1], kernel->name, choice, image, size);
	}
	return 0;
}
