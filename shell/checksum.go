package shell

import (
	"context"
	"crypto/md5"
)

func checksumVerb() verb {
	return verb{
		name: "checksum", args: "<path> ...",
		summary:  "print the MD5 of files",
		examples: []string{"goosefs fs checksum /data/hbase-2.6.4-bin.tar.gz"},
		min:      1, max: -1,
		run: func(ctx context.Context, s *session) error {
			return s.each(ctx, 0, func(path string) error {
				return s.withFile(ctx, path, func(f file) error {
					sum := md5.New()
					if err := copyRange(ctx, sum, f, 0, f.Info().Length, readChunk); err != nil {
						return err
					}
					return s.sayf("md5sum: %x\n\n", sum.Sum(nil))
				})
			})
		},
	}
}
