/* compare_data.c: the same for programs: JSON, and a script for gnuplot. */
#include <linux/kvm.h>
#include <string.h>

#include "vmm/compare.h"
#include "vmm/json.h"

static void write_regions(struct json *json, const char (*names)[TRIAL_NAME_SIZE],
			  const struct region_stats *stats)
{
	for (unsigned int i = 0; i < BUS_MAX_REGIONS; i++) {
		if (stats[i].reads + stats[i].writes == 0)
			continue;
		json_object(json, NULL);
		json_string(json, "region", names[i]);
		json_unsigned(json, "reads", stats[i].reads);
		json_unsigned(json, "writes", stats[i].writes);
		json_end(json);
	}
}

static void write_cost(struct json *json, const struct trial *trial, const struct trial_cost *cost)
{
	json_unsigned(json, "ns", cost->ns);
	json_unsigned(json, "exits", stats_total(&cost->exits));
	json_object(json, "reasons");
	for (unsigned int i = 0; i < STATS_REASONS; i++) {
		if (cost->exits.exits[i])
			json_unsigned(json, stats_reason(i), cost->exits.exits[i]);
	}
	json_end(json);
	json_array(json, "ports");
	write_regions(json, trial->ports, cost->exits.ports);
	json_end(json);
	json_array(json, "mmio");
	write_regions(json, trial->mmio, cost->exits.mmio);
	json_end(json);
	json_object(json, "kvm");
	for (unsigned int i = 0; i < trial->ncounters; i++) {
		if (cost->kvm[i])
			json_unsigned(json, trial->counters[i], cost->kvm[i]);
	}
	json_end(json);
}

/* The times of all rounds, in their order, for who wants to see how far they differ. */
static void write_rounds(struct json *json, const struct trial *rounds, unsigned int n,
			 unsigned int phase)
{
	struct trial_cost cost;

	json_array(json, "rounds_ns");
	for (unsigned int i = 0; i < n; i++) {
		if (trial_cost(&rounds[i], 1, phase, &cost) == TRIAL_DONE)
			json_unsigned(json, NULL, cost.ns);
	}
	json_end(json);
}

static void write_phase(struct json *json, const struct trial *trial, unsigned int rounds,
			unsigned int phase)
{
	static const char *const results[] = {
		[TRIAL_DONE] = "done", [TRIAL_UNTRIED] = "n/a", [TRIAL_FAILED] = "failed"};
	struct trial_cost cost;
	enum trial_result result = trial_cost(trial, rounds, phase, &cost);

	json_object(json, trial_phases[phase].id);
	json_string(json, "result", results[result]);
	if (result == TRIAL_DONE) {
		json_unsigned(json, "operations", trial_phases[phase].operations);
		if (trial_phases[phase].bytes)
			json_unsigned(json, "bytes", trial_phases[phase].bytes);
		write_cost(json, trial, &cost);
		write_rounds(json, trial, rounds, phase);
	}
	json_end(json);
}

static bool all_well(const struct trial *rounds, unsigned int n)
{
	bool well = true;

	for (unsigned int i = 0; i < n; i++)
		well = well && rounds[i].well;
	return well;
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

void compare_write(const struct comparison *comparison, struct json *json)
{
	json_object(json, NULL);
	json_string(json, "kernel", comparison->kernel);
	json_string(json, "host", comparison->host);
	json_unsigned(json, "rounds", comparison->rounds);
	json_array(json, "modes");
	for (unsigned int i = 0; i < comparison->n; i++) {
		const struct trial *trial = comparison->trials[i];

		json_object(json, NULL);
		json_string(json, "mode", trial->name);
		json_bool(json, "complete", all_well(trial, comparison->rounds));
		json_string(json, "clocksource", or_null(trial->clock));
		json_string(json, "disk", or_null(trial->disk));
		json_string(json, "card", or_null(trial->card));
		json_object(json, "phases");
		for (unsigned int phase = 0; phase < WORKLOAD_PHASES; phase++)
			write_phase(json, trial, comparison->rounds, phase);
		json_end(json);
		json_end(json);
	}
	json_end(json);
	json_end(json);
}

/* A value, or what gnuplot takes for none. */
static void plot_value(FILE *out, enum trial_result result, double value)
{
	if (result == TRIAL_DONE)
		fprintf(out, " %g", value);
	else
		fputs(" NaN", out);
}

/* In two lines, so that one does not run into the next. */
static void plot_label(FILE *out, const char *name)
{
	size_t half = strlen(name) / 2, first = half + strcspn(name + half, " ");

	fprintf(out, "\"%.*s\\n%s\"", (int)first, name,
		name[first] ? name + first + 1 : name + first);
}

/* A row a phase: its name, the times in us, the exits per operation. */
static void plot_data(const struct comparison *comparison, FILE *out)
{
	fputs("$costs << END\n", out);
	for (unsigned int phase = 0; phase < WORKLOAD_PHASES; phase++) {
		const double operations = trial_phases[phase].operations;
		enum trial_result results[COMPARE_MAX];
		double exits[COMPARE_MAX];

		plot_label(out, trial_phases[phase].name);
		for (unsigned int i = 0; i < comparison->n; i++) {
			struct trial_cost cost;

			results[i] =
				trial_cost(comparison->trials[i], comparison->rounds, phase, &cost);
			exits[i] = (double)stats_total(&cost.exits) / operations;
			plot_value(out, results[i], (double)cost.ns / 1e3 / operations);
		}
		for (unsigned int i = 0; i < comparison->n; i++)
			plot_value(out, results[i], exits[i]);
		fputc('\n', out);
	}
	fputs("END\n", out);
}

/* In gnuplot's single quotes only the quote itself means anything, and two of it are one. */
static void quote(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputc('\'', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

static void plot_bars(const struct comparison *comparison, unsigned int column, FILE *out)
{
	for (unsigned int i = 0; i < comparison->n; i++) {
		fprintf(out, "%s$costs using %u%s title ", i ? ", " : "plot ", column + i,
			i ? "" : ":xtic(1)");
		quote(out, comparison->trials[i]->name);
	}
	fputc('\n', out);
}

void compare_plot(const struct comparison *comparison, const char *svg, FILE *out)
{
	plot_data(comparison, out);
	fputs("set terminal svg size 1100,800 noenhanced\nset output ", out);
	quote(out, svg);
	fputs("\nset style data histograms\nset style fill solid 0.8\nset boxwidth 0.9\n"
	      "set grid ytics\nset bmargin 4\nset logscale y\nhost = ",
	      out);
	quote(out, comparison->host);
	fputs("\nset multiplot layout 2,1 title 'minivmm compare, host: '.host", out);
	fputs("\nset title 'time of one operation'\nset ylabel 'us'\n", out);
	plot_bars(comparison, 2, out);
	fputs("set title 'exits to minivmm of one operation'\nset ylabel 'exits'\nset yrange "
	      "[0.01:*]\n",
	      out);
	plot_bars(comparison, 2 + comparison->n, out);
	fputs("unset multiplot\n", out);
}
