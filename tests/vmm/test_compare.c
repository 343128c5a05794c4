/* test_compare.c: two trials side by side, as a table, as JSON and as a chart's script. */
#include "vmm/compare.h"

#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/json.h"

static struct trial full, para;
static struct comparison comparison;
static char *text;
static size_t size;

static void phase(struct trial *trial, enum workload_phase which, uint64_t ns, uint64_t exits)
{
	struct sample *begin = &trial->begins[which], *end = &trial->ends[which];

	begin->taken = end->taken = true;
	begin->ns = 1000;
	end->ns = begin->ns + ns;
	end->exits.exits[KVM_EXIT_IO] = exits + 1; /* and the mark's */
	end->exits.ports[0].writes = exits;
	end->kvm[0] = 10 * exits;
}

static int two_trials(void **state)
{
	(void)state;
	full = (struct trial){.name = "full", .clock = "acpi_pm", .ncounters = 2};
	para = (struct trial){.name = "para", .clock = "kvm-clock", .ncounters = 1};
	strcpy(full.counters[0], "exits");
	strcpy(full.counters[1], "signal_exits");
	strcpy(para.counters[0], "exits");
	strcpy(full.ports[0], "serial");
	strcpy(para.ports[0], "console0");
	phase(&full, WORKLOAD_CONSOLE_LINES, 1280000000, 12800);
	phase(&para, WORKLOAD_CONSOLE_LINES, 128000000, 0);
	phase(&para, WORKLOAD_PING, 200000, 400);
	full.begins[WORKLOAD_SLEEP].taken = true;
	comparison = (struct comparison){
		.kernel = "vmlinuz",
		.host = "a test's",
		.trials = {&full, &para},
		.n = 2,
		.rounds = 1,
	};
	return 0;
}

static int forget(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

static void print(void)
{
	FILE *out = open_memstream(&text, &size);

	compare_print(&comparison, out);
	fclose(out);
}

/* The cells of the first row that begins so, behind a heading; blanks are one each. */
static const char *row(const char *heading, const char *label)
{
	static char cells[256];
	const char *at = strstr(text, heading);
	size_t n = 0;

	assert_non_null(at);
	at = strstr(at, label);
	assert_non_null(at);
	for (at += strlen(label); *at != '\n' && n < sizeof(cells) - 1; at++) {
		if (*at != ' ' || (n > 0 && cells[n - 1] != ' '))
			cells[n++] = *at;
	}
	cells[n] = '\0';
	return cells;
}

static void costs_stand_per_operation_one_column_a_trial(void **state)
{
	(void)state;
	print();
	assert_string_equal(row("kernel:", "mode "), "full para");
	assert_string_equal(row("kernel:", "clock source "), "acpi_pm kvm-clock");
	assert_string_equal(row("80 bytes of text to the console", "time, us"), "1000 100");
	assert_string_equal(row("80 bytes of text to the console", "registers of"), "10 0");
	assert_string_equal(row("80 bytes of text to the console", "serial"), "10 0");
	assert_string_equal(row("80 bytes of text to the console", "bytes per exit to minivmm"),
			    "8 no exit");
	assert_string_equal(row("ping", "registers of"), "n/a 2");
}

static void what_was_not_tried_or_failed_says_so(void **state)
{
	(void)state;
	print();
	assert_string_equal(row("4 KiB random read", "time, us"), "n/a n/a");
	assert_string_equal(row("sleep of 1 ms", "time, us"), "failed n/a");
	assert_string_equal(row("kernel:", "disk "), "n/a n/a");
}

static void counters_have_kvms_names_and_those_of_all_trials(void **state)
{
	(void)state;
	full.ends[WORKLOAD_CONSOLE_LINES].kvm[1] = 3;
	full.begins[WORKLOAD_BOOT].taken = para.begins[WORKLOAD_BOOT].taken = true;
	print();
	assert_string_equal(row("KVM's counters", "exits "), "128000 0");
	assert_string_equal(row("KVM's counters", "signal_exits "), "3 0");
}

static void the_host_kind_is_told(void **state)
{
	(void)state;
	print();
	assert_non_null(strstr(text, "host: a test's\n"));
}

static void json_has_every_phase_of_every_trial(void **state)
{
	FILE *out = open_memstream(&text, &size);
	struct json json;

	(void)state;
	json_init(&json, out);
	compare_write(&comparison, &json);
	assert_int_equal(json_finish(&json), 0);
	fclose(out);
	assert_non_null(strstr(text, "\"mode\": \"para\""));
	assert_non_null(strstr(text, "\"result\": \"n/a\""));
	assert_non_null(strstr(text, "\"result\": \"failed\""));
	assert_non_null(strstr(text, "\"region\": \"serial\""));
	assert_non_null(strstr(text, "\"ns\": 1280000000"));
	assert_non_null(strstr(text, "\"rounds_ns\": ["));
	assert_non_null(strstr(text, "\"rounds\": 1"));
	assert_non_null(strstr(text, "\"disk\": null"));
}

static void a_charts_script_has_bars_for_all_and_gaps_where_nothing_was_tried(void **state)
{
	FILE *out = open_memstream(&text, &size);

	(void)state;
	compare_plot(&comparison, "it's.svg", out);
	fclose(out);
	assert_non_null(strstr(text, "set output 'it''s.svg'\n"));
	assert_non_null(strstr(text, "\"80 bytes of text\\nto the console\" 1000 100 10 0\n"));
	assert_non_null(strstr(text, "\"ping, there\\nand back\" NaN 1 NaN 2\n"));
	assert_non_null(strstr(text, "using 2:xtic(1) title 'full', $costs using 3 title 'para'"));
	assert_non_null(strstr(text, "using 4:xtic(1)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(costs_stand_per_operation_one_column_a_trial,
						two_trials, forget),
		cmocka_unit_test_setup_teardown(what_was_not_tried_or_failed_says_so, two_trials,
						forget),
		cmocka_unit_test_setup_teardown(counters_have_kvms_names_and_those_of_all_trials,
						two_trials, forget),
		cmocka_unit_test_setup_teardown(the_host_kind_is_told, two_trials, forget),
		cmocka_unit_test_setup_teardown(json_has_every_phase_of_every_trial, two_trials,
						forget),
		cmocka_unit_test_setup_teardown(
			a_charts_script_has_bars_for_all_and_gaps_where_nothing_was_tried,
			two_trials, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
