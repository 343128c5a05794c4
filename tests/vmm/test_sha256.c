/* test_sha256.c: SHA-256 against the vectors that NIST publishes for FIPS 180-4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/sha256.h"
#include "vmm/util.h"

static void assert_digest(struct sha256 *sha, const char *want)
{
	uint8_t digest[SHA256_SIZE];
	char text[2 * SHA256_SIZE + 1];

	sha256_final(sha, digest);
	for (unsigned int i = 0; i < SHA256_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(text, want);
}

static void digests_are_those_published(void **state)
{
	static const struct {
		const char *message;
		const char *digest;
	} vectors[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
		 "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		 "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct sha256 sha;

		sha256_init(&sha);
		sha256_update(&sha, vectors[i].message, strlen(vectors[i].message));
		assert_digest(&sha, vectors[i].digest);
	}
}

static void a_million_letters_in_uneven_pieces(void **state)
{
	char letters[977];
	struct sha256 sha;
	size_t left = 1000000;

	(void)state;
	memset(letters, 'a', sizeof(letters));
	sha256_init(&sha);
	while (left > 0) {
		size_t take = left < sizeof(letters) ? left : sizeof(letters);

		sha256_update(&sha, letters, take);
		left -= take;
	}
	assert_digest(&sha, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void cutting_a_message_anywhere_changes_nothing(void **state)
{
	char message[130];
	uint8_t whole[SHA256_SIZE], parts[SHA256_SIZE];

	(void)state;
	memset(message, 'x', sizeof(message));
	for (size_t len = 0; len <= sizeof(message); len++) {
		struct sha256 sha;

		sha256_init(&sha);
		sha256_update(&sha, message, len);
		sha256_final(&sha, whole);
		for (size_t cut = 0; cut <= len; cut++) {
			sha256_init(&sha);
			sha256_update(&sha, message, cut);
			sha256_update(&sha, message + cut, len - cut);
			sha256_final(&sha, parts);
			assert_memory_equal(parts, whole, sizeof(whole));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_published),
		cmocka_unit_test(a_million_letters_in_uneven_pieces),
		cmocka_unit_test(cutting_a_message_anywhere_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
