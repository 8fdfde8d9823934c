package shell

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"goosefs/client"
)

// typeText is the write type that a command wants, and why.
func typeText(o client.CreateOptions) string {
	if o.Type != 0 {
		return o.Type.String()
	}
	return "as its namespace says, or " + o.Default.String()
}

func (f *fakeCluster) CreateNamespace(_ context.Context, name, ufs string, o client.NamespaceOptions) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := "/" + name
	if err := f.mu.fails["create "+p]; err != nil {
		return err
	}
	if f.mu.nodes[p] != nil {
		return faultf("create", p, syscall.EEXIST, "Mount point %s already exists", p)
	}
	dir := f.add(p, true)
	dir.MountPoint, dir.MountID, dir.UFSPath, dir.Mode = true, int64(len(f.mu.namespaces)+2), ufs, 0o777
	f.mu.namespaces = append(f.mu.namespaces, client.Namespace{Name: name,
		Write: cmp.Or(o.Write, client.CacheThrough).String(), Read: cmp.Or(o.Read, client.Cache).String()})
	f.mu.calls = append(f.mu.calls, fmt.Sprintf("namespace %s readonly %v shared %v %s", name, o.ReadOnly, o.Shared, givenText(o.Options, o.Secrets)))
	return nil
}

// givenText is what the masters are told of properties.
func givenText(properties map[string]string, secrets []string) string {
	var given []string
	for _, name := range sortedNames(properties) {
		given = append(given, name+"="+properties[name])
	}
	return fmt.Sprintf("%s, secret: %s", strings.Join(given, " "), strings.Join(secrets, " "))
}

func (f *fakeCluster) namespaceLocked(name string) (int, error) {
	i := slices.IndexFunc(f.mu.namespaces, func(n client.Namespace) bool { return n.Name == name })
	if i < 0 {
		return 0, faultf("namespace", "/"+name, syscall.ENOENT, "Namespace %s does not exist; goosefs ns ls lists those that do", name)
	}
	return i, nil
}

func (f *fakeCluster) DeleteNamespace(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.namespaceLocked(name)
	if err == nil {
		f.mu.namespaces = slices.Delete(f.mu.namespaces, i, i+1)
		delete(f.mu.nodes, "/"+name)
	}
	return err
}

func (f *fakeCluster) UpdateNamespace(_ context.Context, name string, o client.NamespaceChange) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.namespaceLocked(name)
	is := func(p *bool) string {
		if p == nil {
			return "as it is"
		}
		return fmt.Sprint(*p)
	}
	if err == nil {
		f.mu.calls = append(f.mu.calls, fmt.Sprintf("namespace %s readonly %s shared %s %s", name, is(o.ReadOnly), is(o.Shared), givenText(o.Options, o.Secrets)))
	}
	return err
}

func (f *fakeCluster) SetNamespacePolicy(_ context.Context, name string, o client.NamespacePolicy) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.namespaceLocked(name)
	if err != nil {
		return err
	}
	n := &f.mu.namespaces[i]
	if o.Write != nil {
		n.Write = cmp.Or(*o.Write, client.CacheThrough).String()
	}
	if o.Read != nil {
		n.Read = cmp.Or(*o.Read, client.Cache).String()
	}
	if o.TTL != nil {
		n.TTL = *o.TTL
	}
	if o.Action != nil {
		n.Action = *o.Action
	}
	return nil
}

func (f *fakeCluster) StatNamespace(_ context.Context, name string) (client.Namespace, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.namespaceLocked(name)
	if err != nil {
		return client.Namespace{}, err
	}
	return f.shownNamespaceLocked(i), nil
}

func (f *fakeCluster) shownNamespaceLocked(i int) client.Namespace {
	n := f.mu.namespaces[i]
	n.Dir = *f.mu.nodes["/"+n.Name]
	return n
}

func (f *fakeCluster) Namespaces(context.Context) (list []client.Namespace, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mu.fails["namespaces /"]; err != nil {
		return nil, err
	}
	for i := range f.mu.namespaces {
		list = append(list, f.shownNamespaceLocked(i))
	}
	return list, nil
}

func (f *fakeCluster) Mount(_ context.Context, p, ufs string, o client.MountOptions) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.mu.mounts {
		if m.Path == p {
			return faultf("mount", p, syscall.EEXIST, "Mount point %s already exists: it shows %s", p, m.UFS)
		}
	}
	dir := f.add(p, true)
	dir.MountPoint, dir.UFSPath = true, ufs
	f.mu.namespaces = append(f.mu.namespaces, client.Namespace{Name: dir.Name})
	f.mu.mounts = append(f.mu.mounts, client.MountPoint{Path: p, UFS: ufs, Type: "web", Capacity: -1, Used: -1, ReadOnly: o.ReadOnly, Shared: o.Shared, Options: o.Options})
	slices.SortFunc(f.mu.mounts, func(a, b client.MountPoint) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

func (f *fakeCluster) Unmount(_ context.Context, p string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, m := range f.mu.mounts {
		if m.Path == p {
			f.mu.mounts = slices.Delete(f.mu.mounts, n, n+1)
			delete(f.mu.nodes, p)
			f.mu.namespaces = slices.DeleteFunc(f.mu.namespaces, func(n client.Namespace) bool { return "/"+n.Name == p })
			return nil
		}
	}
	return faultf("unmount", p, syscall.EINVAL, "%s is not a mount point", p)
}

func (f *fakeCluster) Mounts(context.Context) ([]client.MountPoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mu.fails["mounts /"]; err != nil {
		return nil, err
	}
	return slices.Clone(f.mu.mounts), nil
}
