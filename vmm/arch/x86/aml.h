/*
 * aml.h: a writer for the part of AML that describes a machine (ACPI 6.3, chapters 6 and 20).
 *
 * Calls read like ASL: aml_device() opens what aml_end() closes, names and values stand between.
 * Bytes go into the caller's buffer; running out of room is remembered and told by aml_finish(), so
 * that calls need no checks. Names have four characters ("_HID", "COM1"); a path is at most "\"
 * and two of them ("\\_SB_.PWRB").
 */
#ifndef VMM_ARCH_X86_AML_H
#define VMM_ARCH_X86_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AML_MAX_DEPTH = 8 };

struct aml {
	uint8_t *buf; /* borrowed */
	size_t size, used;
	size_t starts[AML_MAX_DEPTH]; /* of what is open: where its length belongs */
	unsigned int depth;
	bool full; /* buf is too small */
};

void aml_init(struct aml *aml, void *buf, size_t size);
/* Everything is closed. Bytes written, or -ENOSPC. */
int aml_finish(const struct aml *aml);

/* What contains other things; each is closed by aml_end(). */
void aml_scope(struct aml *aml, const char *path);
void aml_device(struct aml *aml, const char *name);
void aml_method(struct aml *aml, const char *name, unsigned int args); /* serialized */
void aml_if_arg0_equals(struct aml *aml, uint64_t value);
void aml_package(struct aml *aml, unsigned int elements); /* which follow, exactly so many */
void aml_end(struct aml *aml);

/* Values. */
void aml_integer(struct aml *aml, uint64_t value);
void aml_string(struct aml *aml, const char *text);

/* Name (name, value); aml_name() alone is followed by a package. */
void aml_name(struct aml *aml, const char *name);
void aml_name_integer(struct aml *aml, const char *name, uint64_t value);
void aml_name_string(struct aml *aml, const char *name, const char *text);
/* _HID and _CID: an id of EISA form (three letters, four digits) compressed, others as strings. */
void aml_name_id(struct aml *aml, const char *name, const char *id);

void aml_notify(struct aml *aml, const char *path, uint64_t value);

/* Name (_CRS, ResourceTemplate () { descriptors }), 6.4. */
void aml_crs(struct aml *aml);
void aml_crs_end(struct aml *aml);
void aml_io(struct aml *aml, uint16_t base, uint8_t size);	  /* 6.4.2.5 */
void aml_memory32(struct aml *aml, uint32_t base, uint32_t size); /* 6.4.3.4 */
void aml_interrupt(struct aml *aml, uint32_t gsi, uint8_t flags); /* 6.4.3.6 */

enum { /* flags of aml_interrupt(): 0 is level-triggered, active high, exclusive */
       AML_IRQ_EDGE = 1 << 1,
};

/* What a bridge passes on, 6.4.3.5: Word for bus numbers and ports, DWord or QWord for memory. */
enum aml_window { AML_WINDOW_MEMORY = 0, AML_WINDOW_IO = 1, AML_WINDOW_BUS = 2 };
void aml_window(struct aml *aml, enum aml_window type, uint64_t base, uint64_t size);

#endif
