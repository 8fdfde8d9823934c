package master

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"goosefs/metastore"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"github.com/cockroachdb/datadriven"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// TestPermissions plays testdata/permissions, in these commands:
//
//	tree               input: path owner group mode, a directory if the path ends in a slash; "+" behind it: it has children;
//	                   "KIND:NAME:rights" there: an entry of its access control list
//	caller USER [groups=(G,…)] [super]    "-" is nobody
//	judge DEMAND [rights=rwx] [owner=O] [group=G] [mode] [others]   input: paths; output: what is decided about each
//	methods            output: what every method of a master needs
//
// go test ./roles/master -run TestPermissions -rewrite writes the outputs anew; commit only what you understand.
func TestPermissions(t *testing.T) {
	datadriven.Walk(t, "testdata/permissions", func(t *testing.T, file string) {
		var tree map[string]metastore.Inode
		var c caller
		datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "tree":
				tree = readTree(t, d.Input)
				return ""
			case "caller":
				c = caller{user: named(d.CmdArgs[0].Key), super: d.HasArg("super")}
				if d.HasArg("groups") {
					for _, a := range d.CmdArgs {
						if a.Key == "groups" {
							c.groups = a.Vals
						}
					}
				}
				return ""
			case "judge":
				var b strings.Builder
				n := readNeed(t, d)
				for _, p := range strings.Fields(d.Input) {
					n.path = p
					chain, whole := chainOf(tree, p)
					err := judge(c, n, chain, whole)
					var errno syscall.Errno
					if errors.As(err, &errno); err == nil {
						fmt.Fprintf(&b, "%s: yes\n", p)
					} else {
						fmt.Fprintf(&b, "%s: %v (%s)\n", p, err, map[syscall.Errno]string{syscall.EACCES: "EACCES", syscall.EPERM: "EPERM"}[errno])
					}
				}
				return b.String()
			case "methods":
				return methods(t)
			}
			t.Fatalf("no command %q", d.Cmd)
			return ""
		})
	})
}

// named is a user's name; "-" is none.
func named(text string) string { return strings.Trim(text, "-") }

func readTree(t *testing.T, text string) map[string]metastore.Inode {
	tree := make(map[string]metastore.Inode)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		mode, err := strconv.ParseUint(f[3], 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		n := metastore.Inode{Name: path.Base(f[0]), Dir: strings.HasSuffix(f[0], "/"), Owner: named(f[1]), Group: f[2], Mode: uint32(mode)}
		for _, more := range f[4:] {
			if more == "+" {
				n.Children = 1
				continue
			}
			n.ACL = append(n.ACL, readEntry(t, more))
		}
		tree[path.Clean(f[0])] = n
	}
	return tree
}

func readEntry(t *testing.T, text string) metastore.ACLEntry {
	parts := strings.Split(text, ":")
	kinds := map[string]metastore.ACLKind{"user": metastore.ACLNamedUser, "group": metastore.ACLNamedGroup}
	e := metastore.ACLEntry{Kind: kinds[parts[0]], Name: parts[1]}
	if e.Name == "" {
		e.Kind = metastore.ACLOwningGroup
	}
	rights, err := strconv.ParseUint(parts[2], 8, 32)
	if err != nil {
		t.Fatal(err)
	}
	e.Rights = uint32(rights)
	return e
}

func chainOf(tree map[string]metastore.Inode, p string) (chain []metastore.Inode, whole bool) {
	at := "/"
	for name := range strings.SplitSeq(p, "/") {
		at = path.Join(at, name)
		n, ok := tree[at]
		if !ok {
			return chain, false
		}
		if len(chain) == 0 || name != "" {
			chain = append(chain, n)
		}
	}
	return chain, true
}

func demands() []string {
	return []string{"toStat", "toRead", "toAccess", "toMake", "toEnsure", "toFill", "toRemove", "toRemoveAll", "toChange", "toOwn"}
}

func readNeed(t *testing.T, d *datadriven.TestData) need {
	n := need{op: "test"}
	for i, name := range demands() {
		if d.CmdArgs[0].Key == name {
			n.what = demand(i)
		}
	}
	for _, a := range d.CmdArgs[1:] {
		switch a.Key {
		case "rights":
			for i, letter := range "xwr" {
				if strings.ContainsRune(a.Vals[0], letter) {
					n.rights |= 1 << i
				}
			}
		case "owner":
			n.changes.owner = a.Vals[0]
		case "group":
			n.changes.group = a.Vals[0]
		case "mode":
			n.changes.mode = true
		case "others":
			n.changes.others = true
		default:
			t.Fatalf("no argument %q", a.Key)
		}
	}
	return n
}

// methods says of every method of a master's services what it needs.
func methods(t *testing.T) string {
	var b strings.Builder
	for _, name := range []string{
		pb.SaslAuthenticationService_ServiceDesc.ServiceName, pb.ServiceVersionClientService_ServiceDesc.ServiceName,
		pb.FileSystemMasterClientService_ServiceDesc.ServiceName, pb.WorkerManagerMasterClientService_ServiceDesc.ServiceName,
		pb.MetricsMasterClientService_ServiceDesc.ServiceName, clusterpb.Cluster_ServiceDesc.ServiceName,
		clusterpb.Workers_ServiceDesc.ServiceName, clusterpb.Admin_ServiceDesc.ServiceName,
	} {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			t.Fatal(err)
		}
		service := found.(protoreflect.ServiceDescriptor)
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			fmt.Fprintf(&b, "%s.%s: %s\n", service.Name(), m.Name(), methodNeeds(t, "/"+name+"/"+string(m.Name()), m.Input().FullName()))
		}
	}
	return b.String()
}

func methodNeeds(t *testing.T, method string, input protoreflect.FullName) string {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(input)
	if err != nil {
		t.Fatal(err)
	}
	req := kind.New().Interface()
	switch req.(type) {
	case *pb.GetStatusBatchPRequest:
		return "toStat, or it is said to have failed"
	case *pb.RemoveBlocksPRequest:
		return "toFill the files"
	}
	needs, ok := needsOf(req)
	switch {
	case open(method):
		return "nothing"
	case !ok:
		return "a superuser"
	}
	var all []string
	for _, n := range needs {
		all = append(all, demands()[n.what])
	}
	return strings.Join(all, ", ")
}
