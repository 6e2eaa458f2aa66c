/* Rows of test_rootfs.c about where the target of a mount leads: prepare, check. */
#pragma once

static void prepare_links(struct world *world)
{
	make_link("/absolute/deep", ROOT "/a"); /* dangling: made inside */
	make_link("../../../../../../etc", ROOT "/up"); /* .. stops at the root */
	make_link("etc/../other/./dir", ROOT "/relative");
	make_link("a/further", ROOT "/chain");
	make_link("../..//tmp/tare-rootfs-test/host/canary/sub", ROOT "/escape");
	add_mount(world, "tmpfs", "/a", 0);
	add_mount(world, "tmpfs", "/up/tmpfs", 0);
	add_mount(world, "tmpfs", "/relative", 0);
	add_mount(world, "tmpfs", "/chain/x", 0);
	add_mount(world, "tmpfs", "/escape", 0);
	add_bind(world, HOST "/data/file", "/escape/f");
}

static void check_links(struct world *world)
{
	expect(world, mounted(world, "/absolute/deep", "tmpfs"));
	expect(world, mounted(world, "/etc/tmpfs", "tmpfs"));
	expect(world, mounted(world, "/other/dir", "tmpfs"));
	expect(world, mounted(world, "/absolute/deep/further/x", "tmpfs"));
	expect(world, mounted(world, "/tmp/tare-rootfs-test/host/canary/sub", "tmpfs"));
	expect(world, mounted(world, "/tmp/tare-rootfs-test/host/canary/sub/f", "rw"));
}

static void prepare_loop(struct world *world)
{
	make_link("loop2", ROOT "/loop");
	make_link("loop", ROOT "/loop2");
	add_mount(world, "tmpfs", "/loop/x", 0);
}

static void prepare_missing_dotdot(struct world *world)
{
	make_link("missing/../../x", ROOT "/link");
	add_mount(world, "tmpfs", "/link", 0);
}

static void prepare_magic(struct world *world)
{
	add_mount(world, "proc", "/proc", SAFE);
	make_link("/proc/self/root/x", ROOT "/magic");
	add_mount(world, "tmpfs", "/magic", 0);
}

static void prepare_proc_link(struct world *world)
{
	make_dir(ROOT "/evil");
	make_dir(ROOT "/evil/proc");
	if (rmdir(ROOT "/proc") < 0)
		abort();
	make_link("evil/proc", ROOT "/proc");
	add_mount(world, "proc", "/proc", SAFE);
}

static void prepare_sys_link(struct world *world)
{
	make_link("etc", ROOT "/sys");
	add_mount(world, "sysfs", "/sys", SAFE);
}

static void prepare_proc_file(struct world *world)
{
	if (rmdir(ROOT "/proc") < 0)
		abort();
	make_file(ROOT "/proc", "");
	add_mount(world, "proc", "/proc", SAFE);
}

static void prepare_into_proc(struct world *world)
{
	add_mount(world, "proc", "/proc", SAFE);
	add_bind(world, HOST "/data", "/proc/self/attr");
}

static void prepare_into_proc_by_link(struct world *world)
{
	make_link("/proc/self", ROOT "/innocent");
	add_mount(world, "proc", "/proc", SAFE);
	add_bind(world, HOST "/data", "/innocent/attr");
}

static void prepare_volume_on_proc(struct world *world)
{
	add_bind(world, HOST "/data", "/proc");
}

static void prepare_proc_bind(struct world *world)
{
	add_bind(world, "/proc", "/proc");
	add_bind(world, HOST "/data/file", "/proc/uptime");
}

static void check_proc_bind(struct world *world)
{
	expect(world, mounted(world, "/proc", "proc"));
	expect(world, is_file("/proc/uptime", "data"));
}

static void prepare_dir_on_file(struct world *world)
{
	add_bind(world, HOST "/data", "/etc/passwd");
}

static void prepare_file_on_dir(struct world *world)
{
	add_bind(world, HOST "/data/file", "/etc");
}

static void prepare_through_file(struct world *world)
{
	add_bind(world, HOST "/data/file", "/etc/passwd/x");
}

static void prepare_missing_source(struct world *world)
{
	add_bind(world, HOST "/missing", "/data");
}
