// Package speed compares mounts of one web server: `make bench` runs it, `make test` only its small parts.
//
// A folder with a large file and many small ones is served by nginx. goosefs and rclone mount it. What each reads for the
// first time is held against curl, of nginx and of a relay before it that is 40 ms slower to ask; what each reads again, against
// the folder itself, by goosefs bench files. The result goes to docs/performance.md and docs/performance.svg.
package speed
