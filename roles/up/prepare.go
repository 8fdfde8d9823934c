package up

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"goosefs/conf"
	"goosefs/manifest"

	"golang.org/x/sys/unix"
)

// prepare does everything that comes before the first pod: it decides, and writes files. After an error nothing is left
// to be stopped.
func (u *session) prepare() error {
	if err := u.readManifests(); err != nil {
		return err
	}
	var err error
	if u.previous, err = loadRecord(u.layout.record()); err != nil {
		return err
	}
	if u.previous != nil {
		if err := u.checkPrevious(); err != nil {
			return err
		}
		if _, err := sweep(u.layout, u.previous, podGrace, u.say); err != nil {
			return err
		}
	}
	if u.o.seams.probe == nil {
		if err := mountable(); err != nil {
			return err
		}
	}
	if err := u.decide(); err != nil {
		return err
	}
	if cleared, err := clearMount(u.layout.Mount); err != nil {
		return err
	} else if cleared {
		u.say("unmounted what an earlier process left at %s", short(u.layout.Mount))
	}
	if u.o.seams.probe == nil { // pods of tests only pretend to mount
		if err := checkMountPoint(u.layout.Mount); err != nil {
			return err
		}
	}
	if err := u.writeFiles(); err != nil {
		return err
	}
	return u.open()
}

// quickStart says whether the user gave no manifest.
func (u *session) quickStart() bool { return len(u.o.Files) == 0 }

// withProperties puts -Dkey=value pairs before all that the manifest says.
func withProperties(r manifest.Runtime, pairs []string) (manifest.Runtime, error) {
	typed := make(map[string]string)
	for _, pair := range pairs {
		key, value, _ := strings.Cut(strings.TrimPrefix(pair, "-D"), "=")
		if _, err := conf.Check(key, value); err != nil {
			return r, asUsage(fmt.Errorf("-D%s=%s: %w", key, value, err))
		}
		typed[key] = value
	}
	for _, of := range []*map[string]string{&r.Properties, &r.Master.Properties, &r.Worker.Properties, &r.Fuse.Properties} {
		merged := maps.Clone(*of)
		if merged == nil {
			merged = make(map[string]string)
		}
		maps.Copy(merged, typed)
		*of = merged
	}
	return r, nil
}

// readManifests reads the user's manifests, or the seed's.
func (u *session) readManifests() error {
	var docs []manifest.Document
	var warnings []manifest.Warning
	var err error
	if u.quickStart() {
		docs, warnings, err = seedDocuments()
	} else {
		docs, warnings, err = manifest.ReadPaths(u.o.Files, u.o.Stdin)
	}
	if err != nil {
		return asUsage(err)
	}
	dataset, runtime, more, err := manifest.Bind(docs)
	if err != nil {
		return asUsage(err)
	}
	if runtime, err = withProperties(runtime, u.o.Properties); err != nil {
		return err
	}
	u.dataset, u.runtime = dataset, runtime
	for _, w := range append(warnings, more...) {
		u.warn("%s", w)
	}
	return nil
}

// asUsage makes a mistake in a manifest exit with 2; a file that cannot be read is a failure.
func asUsage(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return usageError(err.Error())
}

// checkPrevious refuses what the state in the folder cannot become.
func (u *session) checkPrevious() error {
	dir := short(u.layout.Dir)
	if u.previous.Name != u.runtime.Name {
		return fmt.Errorf("%s holds the state of cluster %q, and the manifest is of %q; take another --dir", dir, u.previous.Name, u.runtime.Name)
	}
	if was := u.previous.Runtime.Masters; was != u.runtime.Master.Replicas {
		return fmt.Errorf("spec.master.replicas: %d: the cluster in %s has %d masters, and a restart cannot change that; write %d, or take another --dir",
			u.runtime.Master.Replicas, dir, was, was)
	}
	return nil
}

// checkMountPoint refuses early what a mount would refuse when everything else runs: a file, or a folder that holds
// something. One that is missing is made later.
func checkMountPoint(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return usageError(fmt.Sprintf("--mount: %s is not a directory; choose another path", path))
	}
	entries, err := os.ReadDir(path)
	if err == nil && len(entries) > 0 {
		return usageError(fmt.Sprintf("--mount: %s is not empty (%s …); choose an empty directory, or one that is not there yet", path, entries[0].Name()))
	}
	return err
}

// mountable says early, and with the remedy, that the mount cannot work here.
func mountable() error {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO):
		return fmt.Errorf("this machine has no FUSE (%w); run `modprobe fuse`, or in a container give --device /dev/fuse --cap-add SYS_ADMIN", err)
	case err != nil:
		return fmt.Errorf("the dataset cannot be mounted: %w; run as root, or let this user open /dev/fuse", err)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := exec.LookPath("fusermount3"); err != nil {
		return fmt.Errorf("only root can mount without fusermount3; install it (apt install fuse3, dnf install fuse3), or run as root")
	}
	return nil
}

// decide chooses addresses and makes the plan.
func (u *session) decide() error {
	kept := ""
	if u.previous != nil {
		kept = u.previous.Network
	}
	if u.quickStart() {
		if made, err := makeSample(u.layout.sample()); err != nil {
			return fmt.Errorf("sample files: %w", err)
		} else if made {
			u.say("made sample files: %s in %s", formatSize(sampleSize), short(u.layout.sample()))
		}
	}
	writable := onceEach(tierWritable)
	plan := func(subnet netip.Prefix) (Plan, error) {
		d := u.dataset
		if u.quickStart() {
			d.Mounts = append([]manifest.Mount{}, d.Mounts...)
			d.Mounts[0].MountPoint = sampleURL(hostIn(subnet, hostSample))
		}
		return makePlan(d, u.runtime, settings{layout: u.layout, subnet: subnet, root: os.Geteuid() == 0, sample: u.quickStart(), writable: writable})
	}
	subnet, err := chooseSubnet(u.layout.Dir, kept, func(subnet netip.Prefix) ([]string, error) {
		p, err := plan(subnet)
		addrs := endpoints(p)
		if u.quickStart() {
			addrs = append(addrs, net.JoinHostPort(hostIn(subnet, hostSample), strconv.Itoa(portSample)))
		}
		return addrs, err
	}, listenable)
	if err != nil {
		return err
	}
	u.network = subnet.String()
	u.plan, err = plan(subnet)
	for _, p := range u.plan.Pods {
		u.width = max(u.width, len(p.Name))
	}
	return err
}

// writeFiles makes the folders and the properties of every pod and of clients.
func (u *session) writeFiles() error {
	if err := os.MkdirAll(u.layout.logs(), 0o755); err != nil {
		return err
	}
	for _, p := range u.plan.Pods {
		for _, dir := range p.Folders {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		}
		path := filepath.Join(u.layout.podConf(p.Name), "goosefs-site.properties")
		// They may hold secrets of the under file system.
		if err := writeFile(path, conf.FormatProperties(p.Properties, "Written by `goosefs up` for "+p.Name+"; changes are lost."), 0o600); err != nil {
			return err
		}
	}
	if volatile(u.layout.Dir) {
		u.warn("%s is in memory: names and cache are lost when this machine restarts; --dir takes another folder", short(u.layout.Dir))
	}
	path := filepath.Join(u.layout.conf(), "goosefs-site.properties")
	return writeFile(path, conf.FormatProperties(u.plan.Client, "Written by `goosefs up` for clients; changes are lost."), 0o644)
}

// open starts what is not a pod: the record, the sample's web server, the client, the supervisor.
func (u *session) open() error {
	me, err := identify(os.Getpid())
	if err != nil {
		return err
	}
	u.ledger = newLedger(u.layout.record(), u.newRecord(me, time.Now()))
	if err := u.ledger.update(func(*Record) {}); err != nil {
		return err
	}
	if u.masters, err = u.dial(); err != nil {
		return err
	}
	if u.quickStart() {
		address := hostIn(netip.MustParsePrefix(u.network), hostSample)
		if u.sample, err = serveSample(u.layout.sample(), address); err != nil {
			return errors.Join(err, u.masters.Close())
		}
	}
	env, dropped := podEnvironment(os.Environ())
	if len(dropped) > 0 {
		u.warn("not passed to the pods: %s; put properties into the runtime's spec.properties", strings.Join(dropped, ", "))
	}
	o := supervisorOptions{
		layout: u.layout, ledger: u.ledger, binary: u.o.seams.binary, env: env, backoff: standardBackoff(),
		grace: podGrace, poll: 50 * time.Millisecond, probe: u.o.seams.probe, report: u.report,
	}
	if o.binary == "" {
		o.binary = self()
	}
	if o.probe == nil {
		o.probe = answers(u.masters, u.layout.Mount)
	}
	if u.o.seams.tune != nil {
		u.o.seams.tune(&o)
	}
	u.pods = newSupervisor(o)
	return nil
}

// newRecord is the record as this `up` begins.
func (u *session) newRecord(me ProcessID, now time.Time) Record {
	r := Record{
		Name: u.plan.Name, Namespace: u.plan.Namespace, Network: u.network, Created: now, Started: now, Up: &me,
		Sample: u.quickStart(), Mount: u.plan.Mount, Hosts: u.plan.Hosts, Masters: u.plan.Masters,
		Runtime: RuntimeRecord{Masters: u.runtime.Master.Replicas, Workers: u.runtime.Replicas, Levels: u.plan.Levels},
	}
	if u.previous != nil {
		r.Created = u.previous.Created
		r.Dataset = u.previous.Dataset // until the mounts are as the manifest has them
	}
	for _, p := range u.plan.Pods {
		r.Pods = append(r.Pods, PodRecord{Name: p.Name, Role: p.Role, Address: p.Address, Port: p.Port, Status: StatusPending})
	}
	return r
}

// mountRecords are the dataset's mounts, the root too if it is one of them.
func mountRecords(d []manifest.Mount) []MountRecord {
	var records []MountRecord
	for _, m := range d {
		records = append(records, MountRecord{Path: m.AlluxioPath(), UFS: withoutPassword(m.MountPoint), ReadOnly: m.ReadOnly, Shared: m.Shared, Options: m.ShownOptions()})
	}
	return records
}

// withoutPassword hides what may stand between // and @ of a URI.
func withoutPassword(uri string) string {
	parsed, err := url.Parse(uri)
	if err != nil || parsed.User == nil {
		return uri
	}
	return parsed.Redacted()
}

// tierWritable says why cached bytes may not be kept below path, which need not exist.
func tierWritable(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(path, ".goosefs-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// onceEach remembers the answers, so that the plan may be made several times.
func onceEach(ask func(string) error) func(string) error {
	answers := map[string]error{}
	return func(path string) error {
		err, known := answers[path]
		if !known {
			err = ask(path)
			answers[path] = err
		}
		return err
	}
}
