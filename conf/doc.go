// Package conf is the one table of properties and the one reader of them.
//
// A property has a name (goosefs.worker.rpc.port), a type, a default and a
// meaning; [Table] lists them all, and getConf, validation and docs/config.md
// are made from that list. Nothing else in the project knows a property's name
// and default at once: the packages below the roles take Options structs.
//
// [Load] gathers values from these places, a later one winning over an earlier:
//
//  1. the defaults of the table
//  2. one properties file: Input.ConfDir/goosefs-site.properties when ConfDir is
//     given, else the first that exists of
//     $GOOSEFS_CONFIG_FILE, $GOOSEFS_CONF_DIR/goosefs-site.properties,
//     $GOOSEFS_HOME/conf/…, ~/.goosefs/… and /etc/goosefs/…
//  3. environment variables that stand for one property (GOOSEFS_HOME, …)
//  4. the -D pairs in GOOSEFS_JAVA_OPTS
//  5. the -D pairs in the role's own variable (GOOSEFS_MASTER_JAVA_OPTS, …)
//  6. -Dkey=value on the command line
//
// Within one place the last of two equal keys wins, as in a JVM. An empty value
// is no value: the next lower place decides.
//
// A value may contain references. ${goosefs.work.dir}, with a dot, is another
// property; ${HOSTNAME}, without, is an environment variable. An undefined
// variable is empty, so that a value made of nothing else is unset; an undefined
// property and a loop of properties are errors that name it.
//
// Sizes are counted in 1024s, whatever the unit's spelling: 2G = 2GB = 2GiB.
//
// A bad value is an [*Error], which says where the value stands, what it is and
// what to write instead. All bad values are reported at once. An unknown
// goosefs key is only a [Warning], because people paste whole templates.
package conf
