package shell

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

// nsVerbs are the commands under goosefs ns, but help.
func nsVerbs() []entry {
	return []entry{
		cacheRestrictVerb(), cacheRestrictListVerb(), nsCreateVerb(), nsDeleteVerb(), nsListVerb("list"), nsListVerb("ls"),
		setPolicyVerb(), nsSetTTLVerb(), nsStatVerb(), unsetPolicyVerb(), nsUnsetTTLVerb(), nsUpdateVerb(),
	}
}

// policyFlags are of commands that set policies. They take GooseFS's numbers, and names.
func policyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "wPolicy", Usage: "where new files go whose writer does not say: " + writePolicies().text()},
		&cli.StringFlag{Name: "rPolicy", Usage: "what becomes of what is read: " + readPolicies().text()},
	}
}

// numbered are things that have numbers from 1 on, and names.
type numbered []string

func writePolicies() numbered {
	var names numbered
	for p := client.MustCache; p <= client.None; p++ {
		names = append(names, p.String())
	}
	return names
}

func readPolicies() numbered {
	var names numbered
	for p := client.NoCache; p <= client.CacheConsistent; p++ {
		names = append(names, p.String())
	}
	return names
}

// text is "1 A, 2 B or 3 C".
func (n numbered) text() string {
	var parts []string
	for i, name := range n {
		parts = append(parts, fmt.Sprintf("%d %s", i+1, name))
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " or " + parts[last]
}

// policy is the number that a flag gives, itself or by name; 0 if it is not given.
func (s *session) policy(flag string, names numbered) (int, error) {
	value := s.flags.String(flag)
	if !s.flags.IsSet(flag) {
		return 0, nil
	}
	for i, name := range names {
		if value == strconv.Itoa(i+1) || strings.EqualFold(value, name) {
			return i + 1, nil
		}
	}
	return 0, usagef("--%s: there is no policy %q; it is %s", flag, value, names.text())
}

// policies are those that the flags give, 0 where they give none.
func (s *session) policies() (write client.WriteType, read client.ReadPolicy, err error) {
	w, err := s.policy("wPolicy", writePolicies())
	if err != nil {
		return 0, 0, err
	}
	r, err := s.policy("rPolicy", readPolicies())
	return client.WriteType(w), client.ReadPolicy(r), err
}

// mountFlags are of commands that say how a namespace is mounted.
func mountFlags() []cli.Flag {
	return []cli.Flag{
		toggle("readonly", "let nobody write in it"),
		toggle("shared", "let all users of the cluster in"),
		&cli.GenericFlag{Name: "secret", Usage: "a property, `key=val`, whose value is shown to nobody; may be repeated", Value: options{}},
		&cli.GenericFlag{Name: "attribute", Aliases: []string{"option"}, Usage: "a property, `key=val`; may be repeated", Value: options{}},
	}
}

// properties are all that the flags give, and the names of those that are secret.
func (s *session) properties() (all map[string]string, secrets []string) {
	hidden, _ := s.flags.Generic("secret").(options)
	open, _ := s.flags.Generic("attribute").(options)
	all = map[string]string{}
	for name, value := range open {
		all[name] = value
	}
	for name, value := range hidden {
		all[name] = value
	}
	return all, sortedNames(hidden)
}

// namespaceName takes a namespace's path for its name.
func namespaceName(arg string) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(arg, "/"), "/")
	if name == "" || strings.Contains(name, "/") {
		return "", usagef("%q is no namespace: it is the name of a directory in /", arg)
	}
	return name, nil
}

// namespace is the name that the first argument gives, and the cluster that is asked about it.
func (s *session) namespace() (name string, c cluster, err error) {
	if name, err = namespaceName(s.arg(0)); err == nil {
		c, err = s.cluster()
	}
	return name, c, err
}

// orDash shows that there is nothing.
func orDash(text string) string { return cmp.Or(text, "-") }
