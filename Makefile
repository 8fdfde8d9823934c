# make test needs Go and nothing else; what more it can use it installs where it may (as root, on Debian), and
# otherwise skips, saying why. GOOSEFS_TEST_ALL=1 turns every skip into a failure.

GO ?= go
TOOLS := $(CURDIR)/bin
RACE := ./blockcache/... ./client/... ./fuse/... ./metastore/... ./raftlog/... ./roles/... ./test/mount ./test/write ./ufs/... ./wire/...

.PHONY: build test check unit race sim mutants chaos failover eviction test-clients record prepare generate generated tools bench bench-clients microbench clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o goosefs .

test: prepare check unit race sim test-clients

prepare:
	@tools/prepare

# What needs no running: format, vet, staticcheck, generated code.
check: tools generated
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(TOOLS)/staticcheck ./...

unit:
	$(GO) test -count=1 -timeout 10m $$($(GO) list ./... | grep -v -e /test/sim -e /test/clients)

race:
	$(GO) test -race -count=1 -short -timeout 10m $(RACE)

# sim simulates three masters: a share, or SEEDS=10000 seeds. mutants shows that it would notice mistakes.
sim:
	$(GO) test -count=1 -timeout 0 $(if $(SEEDS),-v -run 'TestSeeds$$') ./test/sim $(if $(SEEDS),-seeds $(SEEDS))

mutants:
	$(GO) test -count=1 -timeout 0 -v -run 'TestMutants$$' ./test/sim -mutants

# test-clients has GooseFS's own clients, the Python package and the Rust crate, and OpenDAL, use clusters of real processes. It
# installs them below bin/clients.
test-clients: prepare
	tools/clients
	$(GO) test -count=1 -timeout 10m ./test/clients

# record has what GooseFS's own Python clients say to a cluster, and are answered, written down anew in roles/wiretest/testdata.
record:
	tools/clients
	$(GO) test -count=1 -run 'TestRecord$$' ./roles/wiretest -record $(CURDIR)/bin/clients

# chaos has real masters killed, cut off, paused and robbed of their disks, for an hour, or DURATION=10m; needs root. It
# writes its table to docs/chaos.md.
chaos:
	$(GO) test -count=1 -timeout 0 -v -run 'TestChaos$$' ./test/chaos -for $(or $(DURATION),1h) -docs $(CURDIR)/docs

# failover kills the leader 100 times, or KILLS=20, and writes to docs/performance.md how long nobody was answered.
failover:
	$(GO) test -count=1 -timeout 0 -v -run 'TestFailover$$' ./test/chaos -kills $(or $(KILLS),100) -docs $(CURDIR)/docs

# eviction writes the hit ratios of the eviction policies to docs/eviction.md.
eviction:
	$(GO) test -count=1 -v -run 'TestTraces$$' ./blockcache -docs $(CURDIR)/docs

# bench compares mounts of one web server with the folder behind it and with each other, and writes the table and the picture
# to docs: some twenty minutes, or QUICK=1 for a small share. It wants nginx, curl, and rclone (Debian: apt-get install
# nginx-light curl rclone).
bench: build
	$(GO) test -count=1 -timeout 0 -v -run 'TestSuite$$' ./test/speed -args -- -program $(CURDIR)/goosefs -docs $(CURDIR)/docs $(if $(QUICK),-quick) $(if $(MOUNT),-mount $(MOUNT))

# bench-clients has GooseFS's own Python clients write and read files of 64 MiB and 1 GiB through goosefs local, beside plain copies,
# and prints the table of docs/performance.md: some three minutes. The disk of DIR=/tmp needs 10 GB.
bench-clients: build
	tools/clients
	python3 -B test/clients/python/throughput.py $(if $(DIR),--dir $(DIR)) $(CURDIR)/goosefs

# microbench times what is done for each read, 10 times or COUNT=5, for bin/benchstat: see docs/performance.md.
microbench:
	@$(GO) test -run '^$$' -bench '^Benchmark(Frame|Window|Checksum|ReadAt|Touch)$$' -benchtime 0.2s -count $(or $(COUNT),10) ./blockcache ./client ./roles/worker

tools:
	@mkdir -p $(TOOLS)
	cd tools && $(GO) build -o $(TOOLS)/ tool

# generate makes the code of the protos anew. generated says whether it is what is checked in.
generate: tools
	PATH=$(TOOLS):$$PATH buf generate

generated: tools
	@PATH=$(TOOLS):$$PATH tools/generated

clean:
	rm -rf bin goosefs
