// Package e2e tests goosefs as those meet it who use it: the real program, in processes of its own, over real web
// servers and a real mount, and nothing of its inside.
//
// Each test is a story with a cluster of its own in a temporary folder. It ends whatever it has started, also when it
// fails; then it shows the last lines of what the pods logged.
//
//	GOOSEFS_TEST_ALL=1           what this machine lacks makes a test fail instead of skipping it
//	GOOSEFS_TEST_FULL=1          datasets of full size: 1 GiB on the web servers, 8 GiB through 3 × 2 GiB of cache
//	GOOSEFS_TEST_BINARY=PATH     a program that is there already, instead of one built from this tree
package e2e
