package shell

import (
	"io"
	"runtime/debug"
	"time"

	"goosefs/client"
	"goosefs/conf"

	"github.com/urfave/cli/v2"
)

// Deps is what the commands need of the program they are part of. Input and output are those of the cli.App.
type Deps struct {
	// Open makes a client from the configuration. It is called by commands that need a cluster, once they do, and the
	// command closes what it got.
	Open func(c *cli.Context) (*client.FS, error)

	// Conf reads the configuration, with the -D pairs of the command line.
	Conf func(c *cli.Context) (*conf.Conf, error)

	// FormatMaster empties the folders of this host's master, and says so on w. It is refused while the master runs.
	FormatMaster func(c *cli.Context, w io.Writer) error

	// Version is that of the program.
	Version string
}

// env is Deps as the commands use it, and the parts of the surroundings that tests replace.
type env struct {
	open    func(c *cli.Context) (cluster, error)
	conf    func(c *cli.Context) (*conf.Conf, error)
	version string

	formatMaster func(c *cli.Context, w io.Writer) error
	revision     func() string        // of the source, "" if unknown
	zone         *time.Location       // times are printed in it
	terminal     func(io.Writer) bool // whether a person reads it

	meterDelay   time.Duration // see there
	leaderWithin time.Duration // how long masterInfo waits for a leader
}

// Commands are the commands of a user: fs, fsadmin, ns, getConf and version. Their errors are cli.ExitCoders whose text,
// which may be empty, has not been printed yet.
func Commands(d Deps) []*cli.Command {
	return commands(env{
		open: func(c *cli.Context) (cluster, error) {
			f, err := d.Open(c)
			if err != nil {
				return nil, err
			}
			return clientCluster{f}, nil
		},
		conf: d.Conf,

		formatMaster: d.FormatMaster,
		version:      d.Version,
		revision:     revision,
		zone:         time.Local,
		terminal:     isTerminal,

		meterDelay:   meterDelay,
		leaderWithin: 5 * time.Second,
	})
}

func commands(e env) []*cli.Command {
	return []*cli.Command{
		group(e, "goosefs", "fs", "work with files and directories", fsVerbs(),
			"goosefs fs ls /", "goosefs fs mount https://example.org/data/ /data"),
		group(e, "goosefs", "fsadmin", "look after the cluster", []entry{
			backupVerb(), doctorVerb(), reportVerb(),
			nest{"journal", "look after the masters' journal", []entry{
				checkpointVerb(), rejoinVerb(),
				nest{"quorum", "the masters that agree on the journal",
					[]entry{quorumAddVerb(), quorumElectVerb(), quorumInfoVerb(), quorumRemoveVerb(), quorumTransferVerb()},
					[]string{quorumInfoExample}},
			}, []string{quorumInfoExample}},
		}, "goosefs fsadmin report"),
		group(e, "goosefs", "ns", "work with namespaces: under file systems with policies", nsVerbs(),
			"goosefs ns ls", "goosefs ns create data https://example.org/data/ --wPolicy 3 --rPolicy 2"),
		getConfVerb().command(e, "goosefs"),
		versionVerb().command(e, "goosefs"),
	}
}

// fsVerbs are the commands under goosefs fs, but help.
func fsVerbs() []entry {
	return []entry{
		catVerb(), checksumVerb(), copyFromLocalVerb(), copyToLocalVerb(), countVerb(), cpVerb(), duVerb(), freeVerb(), getCapacityBytesVerb(),
		getfaclVerb(), getUsedBytesVerb(), headVerb(), leaderVerb(), loadVerb(), loadMetadataVerb(), locationVerb(), lsVerb(),
		masterInfoVerb(), mkdirVerb(), mountVerb(), mvVerb(), persistVerb(), rmVerb(), setfaclVerb(), statVerb(), tailVerb(), testVerb(), touchVerb(),
		unmountVerb(),
	}
}

// revision is the commit that this program was built from.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
