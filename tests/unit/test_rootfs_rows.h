/* The rows of test_rootfs.c: prepare, check, table. */
#pragma once

static void prepare_usual(struct world *world)
{
	static const struct plan_fs_option dev[] = { { "mode", "755" }, { "size", "64k" } };
	static const struct plan_fs_option pts[] = { { "newinstance", NULL },
						     { "ptmxmode", "0666" },
						     { "mode", "0620" },
						     { "gid", "5" } };
	struct plan_op *op;

	op = add_mount(world, "tmpfs", "/dev",
		       TARE_MOUNT_ATTR_NOSUID | TARE_MOUNT_ATTR_STRICTATIME);
	op->fs_options = dev;
	op->n_fs_options = 2;
	op = add_mount(world, "devpts", "/dev/pts",
		       TARE_MOUNT_ATTR_NOSUID | TARE_MOUNT_ATTR_NOEXEC);
	op->fs_options = pts;
	op->n_fs_options = 4;
	add_mount(world, "mqueue", "/dev/mqueue", SAFE);
	add_mount(world, "sysfs", "/sys", SAFE | RO);
	add_device(world, "/dev/null", 3);
	add_device(world, "/dev/zero", 5);
	add(world, PLAN_OP_PTMX, "/dev/ptmx");
	op = add(world, PLAN_OP_SYMLINK, "/dev/passwd");
	op->source = "/etc/passwd";
	op = add(world, PLAN_OP_SYMLINK, "/dev/core");
	op->source = "/missing";
	op = add(world, PLAN_OP_SEAL, "/dev");
	op->attributes.set = RO;
	add(world, PLAN_OP_ROOT_READONLY, "/");
	umask(077);
}

static void check_usual(struct world *world)
{
	char link[64] = "";
	int master, peer;
	unsigned number;
	struct error err = ERROR_INIT;
	struct stat st;

	expect(world, mounted(world, "/", "ro tmpfs"));
	expect(world, mounted(world, "/dev", "ro nosuid tmpfs size=64k mode=755 !relatime"));
	expect(world, mounted(world, "/dev/pts",
			      "rw nosuid noexec devpts mode=620 gid=5"
			      " ptmxmode=666") ||
			      world->plan.in_userns);
	expect(world, mounted(world, "/dev/mqueue", "nosuid nodev noexec mqueue"));
	expect(world, mounted(world, "/sys", "ro nosuid nodev noexec sysfs"));
	expect(world, is_device("/dev/null", 3) && is_device("/dev/zero", 5));
	expect(world, world->plan.in_userns || has_mode("/dev/null", S_IFCHR | 0666));
	expect(world, readlink("/dev/ptmx", link, sizeof link) == 8);
	expect(world, strcmp(link, "pts/ptmx") == 0);
	expect(world, is_file("/dev/passwd", "root"));
	expect(world, lstat("/dev/core", &st) < 0 && errno == ENOENT);
	expect(world, open("/x", O_CREAT | O_WRONLY, 0600) < 0 && errno == EROFS);
	expect(world, open("/dev/x", O_CREAT | O_WRONLY, 0600) < 0 && errno == EROFS);
	expect(world, stat("/dev", &st) == 0 && st.st_uid == 0 && st.st_gid == 0);
	expect(world, has_mode("/dev/pts", S_IFDIR | 0755));
	expect(world, rootfs_open_pty(world->root, &master, &peer, &number, &err) == 0);
	expect(world, number == 0);
	expect(world, fstat(peer, &st) == 0 && st.st_gid == 5 && st.st_uid == 0);
}

static void prepare_userns_tmpfs(struct world *world)
{
	static const struct plan_fs_option mode[] = { { "mode", "755" } };
	struct plan_op *op = add_mount(world, "tmpfs", "/t", 0);

	op->fs_options = mode;
	op->n_fs_options = 1;
}

static void check_userns_tmpfs(struct world *world)
{
	expect(world, mount("", "/t", NULL, MS_REMOUNT, "size=1m") == 0);
	read_mountinfo(world);
	expect(world, mounted(world, "/t", "size=1024k"));
}

static void prepare_bind(struct world *world)
{
	struct plan_op *op;

	op = add_bind(world, HOST "/data", "/made/by/us");
	op->attributes.set = RO | SAFE;
	add_bind(world, HOST "/data/file", "/made/file");
	op = add_bind(world, HOST "/data", "/shared");
	op->attributes.propagation = MS_SHARED;
	op = add_bind(world, HOST "/data", "/private");
	op->attributes.propagation = MS_PRIVATE;
	op->attributes.recursive_set = RO;
	op = add(world, PLAN_OP_REMOUNT, "/private");
	op->attributes.set = TARE_MOUNT_ATTR_NOEXEC;
	op->attributes.clear = RO;
	add_mount(world, "tmpfs", "/shared/in", 0);
	if (mount("", BASE, NULL, MS_SHARED, NULL) < 0)
		abort();
}

static void check_bind(struct world *world)
{
	expect(world, mounted(world, "/made/by/us", "ro nosuid nodev noexec master: !shared:"));
	expect(world, is_file("/made/by/us/file", "data"));
	expect(world, mounted(world, "/made/file", "rw master:"));
	expect(world, is_file("/made/file", "data"));
	expect(world, has_mode("/made", S_IFDIR | 0755));
	expect(world, mounted(world, "/shared", "shared:"));
	expect(world, mounted(world, "/private", "rw noexec !shared: !master:"));
	expect(world, mounted(world, "/shared/in", "tmpfs"));
}

static void after_bind(struct world *world)
{
	read_mountinfo(world);
	/* a shared bind is a peer of the host's mount: what is mounted below it shows there */
	expect(world, mounted(world, HOST "/data/in", "tmpfs"));
	/* and nothing else */
	expect(world, !mounted(world, ROOT "/made/by/us", ""));
	expect(world, !mounted(world, ROOT, ""));
}

static void prepare_dev_escape(struct world *world)
{
	struct plan_op *op;

	make_link("../../../../../../tmp/tare-rootfs-test/host/canary", ROOT "/dev");
	add_device(world, "/dev/null", 3);
	add(world, PLAN_OP_PTMX, "/dev/ptmx");
	op = add(world, PLAN_OP_SYMLINK, "/dev/passwd");
	op->source = "/etc/passwd";
}

static void check_dev_escape(struct world *world)
{
	expect(world, is_device("/tmp/tare-rootfs-test/host/canary/null", 3));
}

static void prepare_dev_absolute(struct world *world)
{
	make_link(HOST "/canary", ROOT "/dev");
	add(world, PLAN_OP_PTMX, "/dev/ptmx");
	add_device(world, "/dev/null", 3);
}

static void prepare_device_accepted(struct world *world)
{
	make_dir(ROOT "/dev");
	if (mknod(ROOT "/dev/null", S_IFCHR | 0600, makedev(1, 3)) < 0)
		abort();
	add_device(world, "/dev/null", 3);
	add(world, PLAN_OP_DEVICE, "/run/fifo")->device = (struct plan_device){
		.type = S_IFIFO, .mode = 0622, .uid = 7, .gid = 8
	};
	umask(077);
}

static void check_device_accepted(struct world *world)
{
	struct stat st;

	expect(world, is_device("/dev/null", 3));
	expect(world, has_mode("/run/fifo", S_IFIFO | 0622));
	expect(world, stat("/run/fifo", &st) == 0 && st.st_uid == 7 && st.st_gid == 8);
}

static void prepare_device_other(struct world *world)
{
	make_dir(ROOT "/dev");
	if (mknod(ROOT "/dev/null", S_IFCHR | 0600, makedev(1, 5)) < 0)
		abort();
	add_device(world, "/dev/null", 3);
}

static void prepare_device_file(struct world *world)
{
	make_dir(ROOT "/dev");
	make_file(ROOT "/dev/null", "x");
	add_device(world, "/dev/null", 3);
}

static void prepare_device_link(struct world *world)
{
	make_dir(ROOT "/dev");
	make_link("zero", ROOT "/dev/null");
	add_device(world, "/dev/null", 3);
}

static void prepare_bind_wrong_device(struct world *world)
{
	struct plan_op *op = add_device(world, "/dev/null", 3);

	op->source = "/dev/zero";
}

static void prepare_copy_up(struct world *world)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000 } };

	make_dir(ROOT "/c");
	make_dir(ROOT "/c/dir");
	make_dir(ROOT "/c/other");
	make_file(ROOT "/c/dir/file", "text");
	make_link("/nowhere/special", ROOT "/c/link");
	if (mknod(ROOT "/c/dev", S_IFCHR | 0640, makedev(1, 5)) < 0 ||
	    mkfifo(ROOT "/c/fifo", 0600) < 0 || chown(ROOT "/c/dir/file", 12, 34) < 0 ||
	    chmod(ROOT "/c/dir/file", 04755) < 0 || lchown(ROOT "/c/link", 5, 6) < 0 ||
	    chmod(ROOT "/c", 01711) < 0 ||
	    setxattr(ROOT "/c/dir/file", "trusted.tare", "v", 1, 0) < 0 ||
	    utimensat(AT_FDCWD, ROOT "/c/dir", times, 0) < 0 ||
	    mount("tmpfs", ROOT "/c/other", "tmpfs", 0, NULL) < 0)
		abort();
	make_file(ROOT "/c/other/hidden", "x");
	add_mount(world, "tmpfs", "/c", RO)->copy_up = true;
	add_mount(world, "tmpfs", "/fresh", 0);
}

static void check_copy_up(struct world *world)
{
	struct stat st;
	char v;

	expect(world, mounted(world, "/c", "ro tmpfs"));
	expect(world, has_mode("/c", S_IFDIR | 01711));
	expect(world, has_mode("/fresh", S_IFDIR | 01777));
	expect(world, is_file("/c/dir/file", "text"));
	expect(world, has_mode("/c/dir/file", S_IFREG | 04755));
	expect(world, stat("/c/dir/file", &st) == 0 && st.st_uid == 12 && st.st_gid == 34);
	expect(world, getxattr("/c/dir/file", "trusted.tare", &v, 1) == 1);
	expect(world, stat("/c/dir", &st) == 0 && st.st_mtime == 2000);
	expect(world, lstat("/c/link", &st) == 0 && S_ISLNK(st.st_mode) && st.st_uid == 5);
	expect(world, is_device("/c/dev", 5) && has_mode("/c/dev", S_IFCHR | 0640));
	expect(world, has_mode("/c/fifo", S_IFIFO | 0600));
	expect(world, is_empty_dir("/c/other"));
}

static void prepare_masks(struct world *world)
{
	make_dir(ROOT "/m");
	make_dir(ROOT "/m/d1");
	make_dir(ROOT "/m/d2");
	make_file(ROOT "/m/d1/secret", "x");
	make_file(ROOT "/m/f1", "secret");
	make_file(ROOT "/m/f2", "secret");
	make_link("f2", ROOT "/m/link");
	make_dir(ROOT "/r");
	make_dir(ROOT "/r/sub");
	add_mount(world, "tmpfs", "/r/sub", SAFE);
	add_bind(world, HOST "/data", "/volume")->attributes.set = TARE_MOUNT_ATTR_NODEV;
	add(world, PLAN_OP_READONLY_PATH, "/r");
	add(world, PLAN_OP_READONLY_PATH, "/volume/file");
	add(world, PLAN_OP_READONLY_PATH, "/missing/x");
	add(world, PLAN_OP_MASKED_PATH, "/m/f1");
	add(world, PLAN_OP_MASKED_PATH, "/m/link");
	add(world, PLAN_OP_MASKED_PATH, "/m/d1");
	add(world, PLAN_OP_MASKED_PATH, "/m/d2");
	add(world, PLAN_OP_MASKED_PATH, "/m/missing");
	add(world, PLAN_OP_MASKED_PATH, "/m/f1/below");
}

static void check_masks(struct world *world)
{
	expect(world, is_device("/m/f1", 3) && is_device("/m/f2", 3));
	expect(world, is_file("/m/f1", "") && is_file("/m/f2", ""));
	expect(world, chmod("/m/f1", 0644) < 0 && errno == EROFS);
	expect(world, is_empty_dir("/m/d1") && is_empty_dir("/m/d2"));
	expect(world, mounted(world, "/m/d1", "ro nosuid nodev noexec tmpfs"));
	expect(world, mounted(world, "/m/d2", "ro nosuid nodev noexec tmpfs"));
	expect(world, mounted(world, "/r", "ro"));
	expect(world, mounted(world, "/r/sub", "ro nosuid nodev noexec"));
	expect(world, mounted(world, "/volume/file", "ro nodev"));
	expect(world, mounted(world, "/volume", "rw nodev"));
}

static void prepare_overlay(struct world *world)
{
	static struct plan_layer layers[122];
	static char paths[120][64];
	char path[128];
	struct plan_op *op;
	unsigned i;

	make_dir(HOST "/upper");
	make_dir(HOST "/work");
	for (i = 0; i < 120; i++) {
		snprintf(paths[i], sizeof paths[i], HOST "/layer:%u,x", i);
		make_dir(paths[i]);
		snprintf(path, sizeof path, "%s/f%u", paths[i], i);
		make_file(path, "layer");
		layers[i] = (struct plan_layer){ PLAN_LAYER_LOWER, paths[i] };
	}
	layers[120] = (struct plan_layer){ PLAN_LAYER_UPPER, HOST "/upper" };
	layers[121] = (struct plan_layer){ PLAN_LAYER_WORK, HOST "/work" };
	op = add_mount(world, "overlay", "/o", 0);
	op->layers = layers;
	op->n_layers = 122;
}

static void check_overlay(struct world *world)
{
	expect(world, mounted(world, "/o", "overlay rw"));
	expect(world, is_file("/o/f0", "layer") && is_file("/o/f119", "layer"));
	make_file("/o/new", "x");
}

static void prepare_bad_option(struct world *world)
{
	static const struct plan_fs_option bad[] = { { "size", "x" } };
	struct plan_op *op = add_mount(world, "tmpfs", "/t", 0);

	op->fs_options = bad;
	op->n_fs_options = 1;
}

static void prepare_bad_type(struct world *world)
{
	add_mount(world, "nosuchfs", "/t", 0);
}

static void prepare_iversion(struct world *world)
{
	add_mount(world, "tmpfs", "/t", TARE_MOUNT_ATTR_NOSUID)->iversion = true;
}

static void check_iversion(struct world *world)
{
	expect(world, mounted(world, "/t", "tmpfs nosuid"));
}

static void prepare_idmap(struct world *world)
{
	struct plan_op *op = add_bind(world, HOST "/data", "/mapped");

	if (chown(HOST "/data/file", 5, 6) < 0)
		abort();
	op->idmap = (struct plan_idmap){ .kind = PLAN_IDMAP_OWN,
					 .uid_map = "0 1000 10\n",
					 .gid_map = "0 2000 10\n" };
	op = add_mount(world, "tmpfs", "/t", 0);
	op->idmap = (struct plan_idmap){ .kind = PLAN_IDMAP_OWN,
					 .uid_map = "0 1000 10\n",
					 .gid_map = "0 2000 10\n" };
}

static void check_idmap(struct world *world)
{
	struct stat st;

	expect(world, stat("/mapped/file", &st) == 0 && st.st_uid == 1005 && st.st_gid == 2006);
	expect(world, stat("/t", &st) == 0 && st.st_uid == 1000 && st.st_gid == 2000);
}

static void prepare_inherited(struct world *world)
{
	world->plan.mount_ns = PLAN_NS_INHERIT;
	add_mount(world, "tmpfs", "/t", 0);
	add_bind(world, HOST "/data", "/data");
	add(world, PLAN_OP_MASKED_PATH, "/etc/passwd");
	add(world, PLAN_OP_MASKED_PATH, "/data/file");
	add(world, PLAN_OP_ROOT_READONLY, "/");
}

static void check_inherited(struct world *world)
{
	close(world->root);
	expect(world, is_device("/etc/passwd", 3) && is_device("/data/file", 3));
	expect(world, !mounted(world, ROOT "/t", "") && !mounted(world, "/t", ""));
	expect(world, open("/x", O_CREAT | O_WRONLY, 0600) < 0 && errno == EROFS);
	make_file("/t/x", "x");
	expect(world, is_file("/t/x", "x"));
}

static void prepare_no_pivot(struct world *world)
{
	world->plan.no_pivot = true;
	world->plan.root_propagation = MS_SHARED;
	add_mount(world, "tmpfs", "/t", 0);
}

static void check_no_pivot(struct world *world)
{
	struct stat st;

	expect(world, mounted(world, "/", "shared: tmpfs"));
	expect(world, mounted(world, "/t", "tmpfs"));
	expect(world, stat("/../../etc/passwd", &st) == 0 && st.st_size == 4);
}

static void prepare_console(struct world *world)
{
	prepare_usual(world);
	world->plan.n_finish = 0;
}

static void check_console(struct world *world)
{
	struct error err = ERROR_INIT;
	int master = -1, peer = -1;
	unsigned number = 99;

	expect(world, rootfs_open_pty(world->root, &master, &peer, &number, &err) == 0);
	expect(world, symlink("/etc/passwd", "/dev/console") == 0);
	expect(world, rootfs_bind_console(world->root, peer, &err) == -EEXIST);
	expect(world, strstr(err.text, "/dev/console") != NULL);
	expect(world, unlink("/dev/console") == 0);
	expect(world, rootfs_bind_console(world->root, peer, &err) == 0);
	read_mountinfo(world);
	expect(world, mounted(world, "/dev/console", "devpts"));
}

static void prepare_no_devpts(struct world *world)
{
	make_dir(ROOT "/dev");
	make_dir(ROOT "/dev/pts");
	add_mount(world, "tmpfs", "/t", 0);
}

static void check_no_devpts(struct world *world)
{
	struct error err = ERROR_INIT;
	unsigned number;
	int master, peer;

	expect(world, rootfs_open_pty(world->root, &master, &peer, &number, &err) == -ENODEV);
}

static void prepare_cgroup_nowhere(struct world *world)
{
	add(world, PLAN_OP_CGROUP, "/sys/fs/cgroup")->opened = 0;
	world->plan.n_opened = 1;
}

static void check_cgroup_nowhere(struct world *world)
{
	expect(world, mounted(world, "/sys/fs/cgroup", "ro tmpfs"));
}

static void prepare_cgroup2(struct world *world)
{
	add(world, PLAN_OP_CGROUP, "/sys/fs/cgroup")->attributes.set = SAFE;
}

static void check_cgroup2(struct world *world)
{
	expect(world, mounted(world, "/sys/fs/cgroup", "cgroup2 nosuid nodev noexec"));
}

static void prepare_no_search(struct world *world)
{
	make_dir(HOST "/closed");
	make_dir(HOST "/closed/root");
	if (chmod(HOST "/closed", 0700) < 0)
		abort();
	world->plan.path = HOST "/closed/root";
}

static void prepare_locked(struct world *world)
{
	if (mount("tmpfs", HOST "/data", "tmpfs", MS_NODEV | MS_RDONLY | MS_NOATIME, NULL) < 0)
		abort();
	/* opened by the container's side, as for an unprivileged caller: the flags are locked */
	add_bind(world, HOST "/data", "/data")->opened = -1;
	world->ops[0].attributes.set = TARE_MOUNT_ATTR_NOEXEC;
	world->ops[0].attributes.clear = TARE_MOUNT_ATTR__ATIME;
	world->plan.n_opened = 0;
}

static void check_locked(struct world *world)
{
	expect(world, mounted(world, "/data", "ro nodev noatime noexec"));
}

static void prepare_locked_clear(struct world *world)
{
	prepare_locked(world);
	world->ops[0].attributes.clear = TARE_MOUNT_ATTR_NODEV;
}

#define MISMATCH "are you trying to mount a directory onto a file"
#define ORDINARY "must be mounted on ordinary directory"
#define IN_PROC "cannot be mounted because it is inside /proc"

static const struct row rows[] = {
	{ "usual mounts and devices, sealed", prepare_usual, check_usual, NULL, NULL, false },
	{ "usual, user namespace", prepare_usual, check_usual, NULL, NULL, true },
	{ "tmpfs belongs to the user namespace", prepare_userns_tmpfs, check_userns_tmpfs, NULL,
	  NULL, true },
	{ "binds", prepare_bind, check_bind, NULL, after_bind, false },
	{ "CVE-2019-18837 links of targets", prepare_links, check_links, NULL, canary_untouched,
	  false },
	{ "looping link", prepare_loop, NULL, "too many levels", NULL, false },
	{ "link through a missing directory", prepare_missing_dotdot, NULL,
	  "directory that is missing", NULL, false },
	{ "magic link as target", prepare_magic, NULL, "too many levels", NULL, false },
	{ "CVE-2019-19921 /proc is a link", prepare_proc_link, NULL, ORDINARY, NULL, false },
	{ "CVE-2023-28642 /sys is a link", prepare_sys_link, NULL, ORDINARY, NULL, false },
	{ "/proc is a file", prepare_proc_file, NULL, ORDINARY, NULL, false },
	{ "target inside /proc", prepare_into_proc, NULL, IN_PROC, NULL, false },
	{ "target inside /proc by a link", prepare_into_proc_by_link, NULL, IN_PROC, NULL,
	  false },
	{ "CVE-2019-16884 volume on /proc", prepare_volume_on_proc, NULL, "not of type proc",
	  NULL, false },
	{ "bind of procfs and a file in it", prepare_proc_bind, check_proc_bind, NULL, NULL,
	  false },
	{ "directory on file", prepare_dir_on_file, NULL, MISMATCH, NULL, false },
	{ "file on directory", prepare_file_on_dir, NULL, MISMATCH, NULL, false },
	{ "target below a file", prepare_through_file, NULL, "not a directory", NULL, false },
	{ "missing source", prepare_missing_source, NULL,
	  "error mounting \"" HOST "/missing\" to rootfs at \"/data\": open the source \"" HOST
	  "/missing\": no such file or directory",
	  NULL, false },
	{ "CVE-2026-41579 /dev leads out", prepare_dev_escape, check_dev_escape, NULL,
	  canary_untouched, false },
	{ "CVE-2026-47766 /dev leads out absolutely", prepare_dev_absolute, check_dev_escape,
	  NULL, canary_untouched, false },
	{ "spec:160 the same device", prepare_device_accepted, check_device_accepted, NULL,
	  NULL, false },
	{ "spec:160 another device", prepare_device_other, NULL,
	  "there is a character device 1:5 already", NULL, false },
	{ "spec:160 a file", prepare_device_file, NULL, "there is a regular file already", NULL,
	  false },
	{ "device is a link", prepare_device_link, NULL, "there is a symbolic link already",
	  NULL, false },
	{ "bound device is another", prepare_bind_wrong_device, NULL, "is not the device 1:3",
	  NULL, true },
	{ "tmpcopyup", prepare_copy_up, check_copy_up, NULL, NULL, false },
	{ "masks and read-only paths", prepare_masks, check_masks, NULL, NULL, false },
	{ "overlay of 120 layers", prepare_overlay, check_overlay, NULL, NULL, false },
	{ "bad option, in the file system's words", prepare_bad_option, NULL,
	  "(tmpfs: Bad value", NULL, false },
	{ "unknown type", prepare_bad_type, NULL, "\"nosuchfs\" is not known", NULL, false },
	{ "iversion by mount(2)", prepare_iversion, check_iversion, NULL, NULL, false },
	{ "id-mapped mounts with own maps", prepare_idmap, check_idmap, NULL, NULL, false },
	{ "inherited mount namespace", prepare_inherited, check_inherited, NULL, NULL, false },
	{ "no pivot, shared root", prepare_no_pivot, check_no_pivot, NULL, NULL, false },
	{ "CVE-2026-88264 console", prepare_console, check_console, NULL, NULL, false },
	{ "pty without devpts", prepare_no_devpts, check_no_devpts, NULL, NULL, false },
	{ "CVE-2023-25809 no cgroup to show", prepare_cgroup_nowhere, check_cgroup_nowhere,
	  NULL, NULL, true },
	{ "cgroup2", prepare_cgroup2, check_cgroup2, NULL, NULL, true },
	{ "no search permission", prepare_no_search, NULL,
	  "no search permission on \"" HOST "/closed\"", NULL, true },
	{ "locked flags stay", prepare_locked, check_locked, NULL, NULL, true },
	{ "locked flag cleared", prepare_locked_clear, NULL, "is locked", NULL, true },
};
