/* aml.c: AML, ACPI 6.3, section 20.2 (grammar) and 6.4 (resource descriptors). */
#include "vmm/arch/x86/aml.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "vmm/bytes.h"

enum { /* 20.3, the opcodes in use */
       OP_ZERO = 0x00,
       OP_ONE = 0x01,
       OP_NAME = 0x08,
       OP_BYTE_PREFIX = 0x0a,
       OP_WORD_PREFIX = 0x0b,
       OP_DWORD_PREFIX = 0x0c,
       OP_STRING_PREFIX = 0x0d,
       OP_QWORD_PREFIX = 0x0e,
       OP_SCOPE = 0x10,
       OP_BUFFER = 0x11,
       OP_PACKAGE = 0x12,
       OP_METHOD = 0x14,
       OP_DUAL_NAME_PREFIX = 0x2e,
       OP_EXTENDED_PREFIX = 0x5b,
       OP_EXTENDED_DEVICE = 0x82,
       OP_ARG0 = 0x68,
       OP_NOTIFY = 0x86,
       OP_LEQUAL = 0x93,
       OP_IF = 0xa0,
};

enum { /* 6.4.2 and 6.4.3, descriptor tags */
       TAG_IO = 0x47,
       TAG_END = 0x79,
       TAG_MEMORY32_FIXED = 0x86,
       TAG_DWORD_SPACE = 0x87,
       TAG_WORD_SPACE = 0x88,
       TAG_INTERRUPT = 0x89,
       TAG_QWORD_SPACE = 0x8a,
};

enum { NAME_SIZE = 4, METHOD_SERIALIZED = 1 << 3, INTERRUPT_CONSUMER = 1 << 0 };

void aml_init(struct aml *aml, void *buf, size_t size)
{
	*aml = (struct aml){.buf = buf, .size = size};
}

int aml_finish(const struct aml *aml)
{
	assert(aml->depth == 0);
	return aml->full ? -ENOSPC : (int)aml->used;
}

static void put(struct aml *aml, const void *bytes, size_t len)
{
	if (aml->full || len > aml->size - aml->used) {
		aml->full = true;
		return;
	}
	memcpy(aml->buf + aml->used, bytes, len);
	aml->used += len;
}

static void put_byte(struct aml *aml, unsigned int byte)
{
	uint8_t value = (uint8_t)byte;

	put(aml, &value, sizeof(value));
}

/* The lowest len bytes of value. */
static void put_le(struct aml *aml, uint64_t value, unsigned int len)
{
	uint8_t bytes[8];

	store_le64(bytes, value);
	put(aml, bytes, len);
}

static void put_name(struct aml *aml, const char *name)
{
	assert(strlen(name) == NAME_SIZE);
	put(aml, name, NAME_SIZE);
}

/* 20.2.2: "NAME", "\NAME" or "\NAME.NAME". */
static void put_path(struct aml *aml, const char *path)
{
	if (*path == '\\')
		put_byte(aml, (uint8_t)*path++);
	if (strlen(path) > NAME_SIZE) {
		assert(strlen(path) == 2 * NAME_SIZE + 1 && path[NAME_SIZE] == '.');
		put_byte(aml, OP_DUAL_NAME_PREFIX);
		put(aml, path, NAME_SIZE);
		path += NAME_SIZE + 1;
	}
	put_name(aml, path);
}

static void open_package(struct aml *aml)
{
	assert(aml->depth < AML_MAX_DEPTH);
	aml->starts[aml->depth++] = aml->used;
}

/* 20.2.4: the length counts itself; its first byte tells how many follow. Returns its size. */
static unsigned int encode_length(uint8_t bytes[4], size_t content)
{
	unsigned int n = 1;
	size_t total;

	if (content + 1 < 1u << 6) {
		bytes[0] = (uint8_t)(content + 1);
		return 1;
	}
	while (content + 1 + n >= (size_t)1 << (4 + 8 * n))
		n++;
	total = content + 1 + n;
	bytes[0] = (uint8_t)(n << 6 | (total & 0xf));
	for (unsigned int i = 0; i < n; i++)
		bytes[1 + i] = (uint8_t)(total >> (4 + 8 * i));
	return n + 1;
}

/* Puts bytes in front of what was written since start. */
static void insert(struct aml *aml, size_t start, const uint8_t *bytes, unsigned int n)
{
	if (aml->full || n > aml->size - aml->used) {
		aml->full = true;
		return;
	}
	memmove(aml->buf + start + n, aml->buf + start, aml->used - start);
	memcpy(aml->buf + start, bytes, n);
	aml->used += n;
}

void aml_end(struct aml *aml)
{
	uint8_t bytes[4];
	size_t start;

	assert(aml->depth > 0);
	start = aml->starts[--aml->depth];
	insert(aml, start, bytes, encode_length(bytes, aml->used - start));
}

void aml_scope(struct aml *aml, const char *path)
{
	put_byte(aml, OP_SCOPE);
	open_package(aml);
	put_path(aml, path);
}

void aml_device(struct aml *aml, const char *name)
{
	put_byte(aml, OP_EXTENDED_PREFIX);
	put_byte(aml, OP_EXTENDED_DEVICE);
	open_package(aml);
	put_name(aml, name);
}

void aml_method(struct aml *aml, const char *name, unsigned int args)
{
	put_byte(aml, OP_METHOD);
	open_package(aml);
	put_name(aml, name);
	put_byte(aml, args | METHOD_SERIALIZED);
}

void aml_if_arg0_equals(struct aml *aml, uint64_t value)
{
	put_byte(aml, OP_IF);
	open_package(aml);
	put_byte(aml, OP_LEQUAL);
	put_byte(aml, OP_ARG0);
	aml_integer(aml, value);
}

void aml_package(struct aml *aml, unsigned int elements)
{
	assert(elements <= UINT8_MAX);
	put_byte(aml, OP_PACKAGE);
	open_package(aml);
	put_byte(aml, elements);
}

/* 20.2.3, the shortest form; returns its size. */
static unsigned int encode_integer(uint8_t bytes[9], uint64_t value)
{
	store_le64(bytes + 1, value);
	if (value <= 1) {
		bytes[0] = value ? OP_ONE : OP_ZERO;
		return 1;
	}
	if (value <= UINT8_MAX) {
		bytes[0] = OP_BYTE_PREFIX;
		return 2;
	}
	if (value <= UINT16_MAX) {
		bytes[0] = OP_WORD_PREFIX;
		return 3;
	}
	if (value <= UINT32_MAX) {
		bytes[0] = OP_DWORD_PREFIX;
		return 5;
	}
	bytes[0] = OP_QWORD_PREFIX;
	return 9;
}

void aml_integer(struct aml *aml, uint64_t value)
{
	uint8_t bytes[9];

	put(aml, bytes, encode_integer(bytes, value));
}

void aml_string(struct aml *aml, const char *text)
{
	put_byte(aml, OP_STRING_PREFIX);
	put(aml, text, strlen(text) + 1);
}

void aml_name(struct aml *aml, const char *name)
{
	put_byte(aml, OP_NAME);
	put_name(aml, name);
}

void aml_name_integer(struct aml *aml, const char *name, uint64_t value)
{
	aml_name(aml, name);
	aml_integer(aml, value);
}

void aml_name_string(struct aml *aml, const char *name, const char *text)
{
	aml_name(aml, name);
	aml_string(aml, text);
}

/* Three letters of five bits each, four hexadecimal digits, most significant first; 19.3.4. */
static uint32_t compress_id(const char *id)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < 3; i++)
		value = value << 5 | ((uint32_t)id[i] & 0x1f);
	for (unsigned int i = 3; i < 7; i++)
		value = value << 4 | (uint32_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'A' + 10);
	return value;
}

void aml_name_id(struct aml *aml, const char *name, const char *id)
{
	bool eisa = strlen(id) == 7 && strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") >= 3 &&
		    strspn(id + 3, "0123456789ABCDEF") == 4;

	aml_name(aml, name);
	if (eisa) {
		put_byte(aml, OP_DWORD_PREFIX);
		put_le(aml, __builtin_bswap32(compress_id(id)), 4);
	} else {
		aml_string(aml, id);
	}
}

void aml_notify(struct aml *aml, const char *path, uint64_t value)
{
	put_byte(aml, OP_NOTIFY);
	put_path(aml, path);
	aml_integer(aml, value);
}

void aml_crs(struct aml *aml)
{
	aml_name(aml, "_CRS");
	put_byte(aml, OP_BUFFER);
	open_package(aml);
}

void aml_crs_end(struct aml *aml)
{
	size_t start = aml->starts[aml->depth - 1];
	uint8_t bytes[9];

	put_byte(aml, TAG_END);
	put_byte(aml, 0); /* "no checksum", 6.4.2.9 */
	/* A buffer begins with its size, 20.2.5.4. */
	insert(aml, start, bytes, encode_integer(bytes, aml->used - start));
	aml_end(aml);
}

void aml_io(struct aml *aml, uint16_t base, uint8_t size)
{
	put_byte(aml, TAG_IO);
	put_byte(aml, 1);     /* decodes 16 bits */
	put_le(aml, base, 2); /* lowest */
	put_le(aml, base, 2); /* and highest base */
	put_byte(aml, 1);     /* alignment */
	put_byte(aml, size);
}

void aml_memory32(struct aml *aml, uint32_t base, uint32_t size)
{
	put_byte(aml, TAG_MEMORY32_FIXED);
	put_le(aml, 9, 2);
	put_byte(aml, 1); /* writable */
	put_le(aml, base, 4);
	put_le(aml, size, 4);
}

void aml_interrupt(struct aml *aml, uint32_t gsi, uint8_t flags)
{
	put_byte(aml, TAG_INTERRUPT);
	put_le(aml, 6, 2);
	put_byte(aml, flags | INTERRUPT_CONSUMER);
	put_byte(aml, 1); /* one number follows */
	put_le(aml, gsi, 4);
}

void aml_window(struct aml *aml, enum aml_window type, uint64_t base, uint64_t size)
{
	/* Both ends fixed; memory: writable; ports: ISA and others. */
	static const uint8_t type_flags[] = {
		[AML_WINDOW_MEMORY] = 0x01, [AML_WINDOW_IO] = 0x03, [AML_WINDOW_BUS] = 0x00};
	uint64_t last = base + size - 1;
	unsigned int width = 2;
	uint8_t tag = TAG_WORD_SPACE;

	if (type == AML_WINDOW_MEMORY) {
		tag = last > UINT32_MAX ? TAG_QWORD_SPACE : TAG_DWORD_SPACE;
		width = last > UINT32_MAX ? 8 : 4;
	}
	put_byte(aml, tag);
	put_le(aml, 3 + 5 * width, 2);
	put_byte(aml, type);
	put_byte(aml, 0x0c);
	put_byte(aml, type_flags[type]);
	put_le(aml, 0, width); /* granularity */
	put_le(aml, base, width);
	put_le(aml, last, width);
	put_le(aml, 0, width); /* translation */
	put_le(aml, size, width);
}
