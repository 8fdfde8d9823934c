package shell

import "context"

func reportUFS(ctx context.Context, s *session, c cluster) error {
	mounts, err := c.Mounts(ctx)
	if err != nil {
		return err
	}
	s.printf("GooseFS under storage system information:\n")
	s.printMounts(mounts)
	return nil
}
