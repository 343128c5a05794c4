/* cpuid.c: features by a table of edits, topology by the rules of each vendor's leaves. */
#include "vmm/arch/x86/cpuid.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/util.h"

enum {
	VENDOR_AMD_EBX = 0x68747541,	/* "Auth" */
	VENDOR_HYGON_EBX = 0x6f677948,	/* "Hygo" */
	VENDOR_INTEL_EBX = 0x756e6547,	/* "Genu" */
	FEATURE_1_ECX_MONITOR = 1 << 3, /* a CPU that waits in MWAIT cannot be taken away */
	FEATURE_1_ECX_VMX = 1 << 5,
	FEATURE_1_ECX_X2APIC = 1 << 21,
	FEATURE_1_ECX_TSC_DEADLINE = 1 << 24,
	FEATURE_1_EDX_HTT = 1 << 28,
	FEATURE_6_ECX_APERF = 1 << 0,
	FEATURE_7_EBX_SGX = 1 << 2,
	FEATURE_7_ECX_SGX_LC = 1 << 30,
	FEATURE_7_EDX_AMX = 1 << 22 | 1 << 24 | 1 << 25, /* BF16, TILE, INT8 */
	FEATURE_7_1_EAX_AMX_FP16 = 1 << 21,
	FEATURE_7_1_EDX_AMX_COMPLEX = 1 << 8,
	FEATURE_D_EAX_TILES = 1 << 17 | 1 << 18, /* TILECFG and TILEDATA in XCR0 */
	FEATURE_80000001_ECX_CMP_LEGACY = 1 << 1,
	FEATURE_80000001_ECX_SVM = 1 << 2,
	FEATURE_80000001_ECX_TOPOLOGY = 1 << 22,
};

#define FEATURE_1_ECX_HYPERVISOR (1u << 31)

enum cpuid_register { EAX, EBX, ECX, EDX };

/* What all of the steps below work with. */
struct topology {
	unsigned int id; /* APIC id */
	unsigned int cpus;
	unsigned int shift; /* bits of the APIC id that tell CPUs apart: the rest is the package */
	bool amd;	    /* or Hygon, which follows it */
};

static uint32_t index_of(const struct cpuid_list *list, uint32_t function, uint32_t index)
{
	uint32_t i;

	for (i = 0; i < list->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &list->entries[i];

		if (entry->function == function &&
		    (entry->index == index || !(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			break;
	}
	return i;
}

static struct kvm_cpuid_entry2 *find(struct cpuid_list *list, uint32_t function, uint32_t index)
{
	uint32_t i = index_of(list, function, index);

	return i < list->nent ? &list->entries[i] : NULL;
}

const struct kvm_cpuid_entry2 *cpuid_find(const struct cpuid_list *list, uint32_t function,
					  uint32_t index)
{
	uint32_t i = index_of(list, function, index);

	return i < list->nent ? &list->entries[i] : NULL;
}

bool cpuid_is_amd(const struct cpuid_list *list)
{
	const struct kvm_cpuid_entry2 *basic = cpuid_find(list, 0, 0);

	return basic && (basic->ebx == VENDOR_AMD_EBX || basic->ebx == VENDOR_HYGON_EBX);
}

static void remove_leaves(struct cpuid_list *list, uint32_t first, uint32_t last)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < list->nent; i++) {
		if (list->entries[i].function < first || list->entries[i].function > last)
			list->entries[kept++] = list->entries[i];
	}
	list->nent = kept;
}

static void remove_leaf(struct cpuid_list *list, uint32_t function)
{
	remove_leaves(list, function, function);
}

static void add_subleaf(struct cpuid_list *list, struct kvm_cpuid_entry2 entry)
{
	assert(list->nent < CPUID_MAX_ENTRIES);
	entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	list->entries[list->nent++] = entry;
}

static uint32_t *register_of(struct kvm_cpuid_entry2 *entry, enum cpuid_register reg)
{
	switch (reg) {
	case EAX:
		return &entry->eax;
	case EBX:
		return &entry->ebx;
	case ECX:
		return &entry->ecx;
	default:
		return &entry->edx;
	}
}

static void edit_features(struct cpuid_list *list, const struct cpuid_config *config,
			  const struct topology *topology)
{
	const struct kvm_cpuid_entry2 *xstate = find(list, 0xd, 0);
	bool tiles = xstate && (xstate->eax & FEATURE_D_EAX_TILES) == FEATURE_D_EAX_TILES;
	const struct {
		uint32_t function, index;
		enum cpuid_register reg;
		uint32_t bits;
		enum { CLEAR, SET } action;
		bool when;
	} edits[] = {
		{1, 0, ECX, FEATURE_1_ECX_MONITOR, CLEAR, true},
		{1, 0, ECX, FEATURE_1_ECX_X2APIC, SET, true}, /* KVM's is in software */
		{1, 0, ECX, FEATURE_1_ECX_HYPERVISOR, SET, config->hypervisor_visible},
		{1, 0, ECX, FEATURE_1_ECX_HYPERVISOR, CLEAR, !config->hypervisor_visible},
		/* KVM's list never has it, since it depends on the local APIC being KVM's too. */
		{1, 0, ECX, FEATURE_1_ECX_TSC_DEADLINE, SET, config->tsc_deadline},
		{1, 0, ECX, FEATURE_1_ECX_TSC_DEADLINE, CLEAR, !config->tsc_deadline},
		{1, 0, EDX, FEATURE_1_EDX_HTT, SET, topology->cpus > 1},
		{1, 0, EDX, FEATURE_1_EDX_HTT, CLEAR, topology->cpus == 1},
		/* Guests of the guest are not for us to vouch for. */
		{1, 0, ECX, FEATURE_1_ECX_VMX, CLEAR, true},
		{0x80000001, 0, ECX, FEATURE_80000001_ECX_SVM, CLEAR, true},
		/* APERF and MPERF count the host's cycles. */
		{6, 0, ECX, FEATURE_6_ECX_APERF, CLEAR, true},
		/* No enclave memory is given to the guest. */
		{7, 0, EBX, FEATURE_7_EBX_SGX, CLEAR, true},
		{7, 0, ECX, FEATURE_7_ECX_SGX_LC, CLEAR, true},
		/* AMX is of use only with its state, which KVM lists once a process asked
		 * for it. */
		{7, 0, EDX, FEATURE_7_EDX_AMX, CLEAR, !tiles},
		{7, 1, EAX, FEATURE_7_1_EAX_AMX_FP16, CLEAR, !tiles},
		{7, 1, EDX, FEATURE_7_1_EDX_AMX_COMPLEX, CLEAR, !tiles},
		{0x80000001, 0, ECX, FEATURE_80000001_ECX_CMP_LEGACY, CLEAR, true},
		{0x80000001, 0, ECX, FEATURE_80000001_ECX_CMP_LEGACY, SET,
		 topology->amd && topology->cpus > 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		struct kvm_cpuid_entry2 *entry = find(list, edits[i].function, edits[i].index);

		if (!entry || !edits[i].when)
			continue;
		if (edits[i].action == SET)
			*register_of(entry, edits[i].reg) |= edits[i].bits;
		else
			*register_of(entry, edits[i].reg) &= ~edits[i].bits;
	}
}

/* A leaf that is not in the list reads as zero. */
static void hide_leaves(struct cpuid_list *list, const struct cpuid_config *config)
{
	const struct kvm_cpuid_entry2 *features = find(list, 7, 0);
	bool tiles = features && (features->edx & FEATURE_7_EDX_AMX);
	const struct {
		uint32_t first, last;
		bool when;
	} hidden[] = {
		{5, 5, true},	    /* MONITOR and MWAIT */
		{0x12, 0x12, true}, /* SGX */
		{0x15, 0x15, true}, /* the host's crystal says nothing about the guest's TSC */
		{0x16, 0x16, true}, /* nor do the host's frequencies */
		{0x1d, 0x1e, !tiles},
		{0x40000000, 0x4000ffff, !config->hypervisor_visible},
		{0x8000000a, 0x8000000a, true}, /* SVM */
		{0x8000001f, 0x8000001f, true}, /* memory encryption is the host's business */
	};

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (hidden[i].when)
			remove_leaves(list, hidden[i].first, hidden[i].last);
	}
}

/*
 * Where Intel's CPUs tell their clocks, so that nobody has to measure. The crystal is also what the
 * local APIC's timer counts, and KVM's counts nanoseconds: 1 GHz. Linux multiplies crystal and
 * numerator in kHz and 32 bits, which leaves whole MHz for the TSC: one that they do not fit is
 * better measured.
 */
static void tell_clocks(struct cpuid_list *list, const struct cpuid_config *config)
{
	enum { CRYSTAL_HZ = 1000000000, MAX_MHZ = 4294, MAX_PPM = 50 };
	const struct kvm_cpuid_entry2 *basic = find(list, 0, 0);
	unsigned int mhz = (config->tsc_khz + 500) / 1000;
	long long off_by = (long long)mhz * 1000 - config->tsc_khz;

	if (config->tsc_khz == 0 || !basic || basic->ebx != VENDOR_INTEL_EBX || basic->eax < 0x15 ||
	    mhz > MAX_MHZ || llabs(off_by) * 1000000 > (long long)config->tsc_khz * MAX_PPM)
		return;
	add_subleaf(list, (struct kvm_cpuid_entry2){
				  .function = 0x15, .eax = 1000, .ebx = mhz, .ecx = CRYSTAL_HZ});
}

/*
 * Leaf 1 and the cache leaves count logical processors. The counts are exact: whoever cuts APIC ids
 * apart by them rounds up to a power of two, as both manuals say.
 */
static void count_processors(struct cpuid_list *list, const struct topology *topology)
{
	enum { MAX_CORES_FIELD = 63, MAX_COUNT = 255 };
	uint32_t cpus = topology->cpus < MAX_COUNT ? topology->cpus : MAX_COUNT;
	uint32_t cores =
		topology->cpus - 1 < MAX_CORES_FIELD ? topology->cpus - 1 : MAX_CORES_FIELD;

	for (uint32_t i = 0; i < list->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &list->entries[i];
		bool intel_cache = entry->function == 4;
		uint32_t sharing;

		if (entry->function == 1)
			entry->ebx = (entry->ebx & 0xffff) | cpus << 16 | topology->id << 24;
		if ((!intel_cache && entry->function != 0x8000001d) || !(entry->eax & 0x1f))
			continue;
		/* Bits 7:5 are the level: the third is the package's, the others are a core's. */
		sharing = (entry->eax >> 5 & 7) >= 3 ? topology->cpus - 1 : 0;
		entry->eax =
			(entry->eax & 0x3fff) | sharing << 14 | (intel_cache ? cores << 26 : 0);
	}
}

enum { MAX_LEVELS = 4 };

/* Leaves that go through the levels of the topology, one sub-leaf each. */
struct level_leaf {
	uint32_t function;
	uint8_t types[MAX_LEVELS]; /* the first is one core's, all others are the package's */
	unsigned int levels;
	bool always; /* also where KVM has none: the base of the others */
};

static const struct level_leaf level_leaves[] = {
	{0xb, {1, 2}, 2, true},		      /* thread, core */
	{0x1f, {1, 2}, 2, false},	      /* the same; modules, tiles and dies are left out */
	{0x80000026, {1, 2, 3, 4}, 4, false}, /* core, complex, die, socket */
};

/* Sub-leaf n says how many low bits of the APIC id to drop to get at level n + 1. */
static void add_levels(struct cpuid_list *list, const struct level_leaf *leaf,
		       const struct topology *topology)
{
	for (uint32_t i = 0; i < leaf->levels; i++) {
		struct kvm_cpuid_entry2 entry = {
			.function = leaf->function,
			.index = i,
			.eax = i ? topology->shift : 0,
			.ebx = i ? topology->cpus : 1,
			.ecx = (uint32_t)leaf->types[i] << 8 | i,
			.edx = topology->id,
		};

		add_subleaf(list, entry);
	}
	/* The end: no processors and type 0. EDX is the APIC id in every sub-leaf. */
	add_subleaf(list, (struct kvm_cpuid_entry2){.function = leaf->function,
						    .index = leaf->levels,
						    .ecx = leaf->levels,
						    .edx = topology->id});
}

static void describe_levels(struct cpuid_list *list, const struct topology *topology)
{
	const struct kvm_cpuid_entry2 *basic = find(list, 0, 0);

	for (size_t i = 0; i < ARRAY_SIZE(level_leaves); i++) {
		const struct level_leaf *leaf = &level_leaves[i];
		bool listed = find(list, leaf->function, 0) != NULL;

		if (!listed && !(leaf->always && basic && basic->eax >= leaf->function))
			continue;
		remove_leaf(list, leaf->function);
		add_levels(list, leaf, topology);
	}
}

/* APM volume 3, E.4.7 (0x80000008) and E.4.17 (0x8000001e): one node, a compute unit per CPU. */
static void describe_amd(struct cpuid_list *list, const struct topology *topology)
{
	struct kvm_cpuid_entry2 *features = find(list, 0x80000001, 0);
	struct kvm_cpuid_entry2 *sizes = find(list, 0x80000008, 0);
	struct kvm_cpuid_entry2 *cache = find(list, 0x8000001d, 0);
	struct kvm_cpuid_entry2 *ids = find(list, 0x8000001e, 0);

	if (sizes)
		sizes->ecx =
			(sizes->ecx & 0xffff0f00) | topology->shift << 12 | (topology->cpus - 1);
	if (ids) {
		ids->eax = topology->id;
		ids->ebx = topology->id; /* bits 15:8: one thread per core */
		ids->ecx = 0;
		ids->edx = 0;
	}
	/* An old KVM promises both leaves by the feature's bit and gives them empty or not
	 * at all. */
	if (features && !(ids && cache && cache->eax & 0x1f))
		features->ecx &= ~(uint32_t)FEATURE_80000001_ECX_TOPOLOGY;
}

static struct topology topology_of(const struct cpuid_list *list, unsigned int cpus,
				   unsigned int id)
{
	struct topology topology = {.id = id, .cpus = cpus, .amd = cpuid_is_amd(list)};

	while (1u << topology.shift < cpus)
		topology.shift++;
	return topology;
}

void cpuid_make(const struct cpuid_list *supported, const struct cpuid_config *config,
		unsigned int id, struct cpuid_list *list)
{
	struct topology topology = topology_of(supported, config->cpus, id);

	assert(supported->nent <= CPUID_MAX_SUPPORTED && id < config->cpus);
	memcpy(list, supported, sizeof(*list));
	edit_features(list, config, &topology);
	hide_leaves(list, config);
	tell_clocks(list, config);
	count_processors(list, &topology);
	describe_levels(list, &topology);
	if (topology.amd)
		describe_amd(list, &topology);
}
