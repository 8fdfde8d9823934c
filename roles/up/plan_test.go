package up

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"goosefs/manifest"

	"github.com/cockroachdb/datadriven"
)

// TestPlan makes plans of manifests. The input of `plan` is manifests in YAML; options of the line:
//
//	sample            as in the quick start
//	root              `up` runs as root
//	readonly=PATH     no tier may lie there
//	show=ROLE         only pods of that role, and the rest of the plan not at all
func TestPlan(t *testing.T) {
	datadriven.RunTest(t, "testdata/plan.txt", func(t *testing.T, d *datadriven.TestData) string {
		docs, _, err := manifest.Parse("manifest.yaml", strings.NewReader(d.Input))
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		dataset, runtime, _, err := manifest.Bind(docs)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		var readonly, show string
		if d.HasArg("readonly") {
			d.ScanArgs(t, "readonly", &readonly)
		}
		if d.HasArg("show") {
			d.ScanArgs(t, "show", &show)
		}
		p, err := makePlan(dataset, runtime, settings{
			layout: layout{Dir: "/srv/g", Mount: "/srv/g/mnt"}, subnet: netip.MustParsePrefix("127.20.30.0/24"),
			root: d.HasArg("root"), sample: d.HasArg("sample"),
			writable: func(path string) error {
				if path == readonly {
					return &os.PathError{Op: "mkdir", Path: path, Err: os.ErrPermission}
				}
				return nil
			},
		})
		if err != nil {
			return fmt.Sprintf("error (exit code %d): %v\n", exitCode(err), err)
		}
		return printPlan(p, Role(show))
	})
}

func printPlan(p Plan, only Role) string {
	var b strings.Builder
	for _, pod := range p.Pods {
		if only != "" && pod.Role != only {
			continue
		}
		fmt.Fprintf(&b, "%s %s %v: goosefs %s\n", pod.Name, pod.Address, pod.Ports, strings.Join(pod.Args, " "))
		for _, name := range sortedKeys(pod.Env) {
			fmt.Fprintf(&b, "  env %s=%s\n", name, pod.Env[name])
		}
		fmt.Fprintf(&b, "  folders %s\n", strings.Join(pod.Folders, " "))
		for _, name := range sortedKeys(pod.Properties) {
			fmt.Fprintf(&b, "  %s=%s\n", name, pod.Properties[name])
		}
	}
	if only != "" {
		return b.String()
	}
	b.WriteString("clients\n")
	for _, name := range sortedKeys(p.Client) {
		fmt.Fprintf(&b, "  %s=%s\n", name, p.Client[name])
	}
	for _, m := range p.Mounts {
		fmt.Fprintf(&b, "mount %s at %s\n", m.MountPoint, m.AlluxioPath())
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func TestSeedIsTheSeed(t *testing.T) {
	docs, warnings, err := seedDocuments()
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	d, r, warnings, err := manifest.Bind(docs)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if d.Name != "hbase" || len(d.Mounts) != 1 || d.Mounts[0].AlluxioPath() != "/hbase" {
		t.Errorf("dataset %+v", d)
	}
	if r.Replicas != 3 || r.Master.Replicas != 3 || len(r.Levels) != 1 || r.Levels[0].Quotas[0] != 2<<30 || r.Levels[0].High != 0.8 {
		t.Errorf("runtime %+v", r)
	}
}
