// Where the published protocol definitions come from. Read by tests/proto, never compiled.
module xeks/tests/proto/upstream

go 1.24

require (
	github.com/hashicorp/go-plugin v1.8.0
	github.com/hashicorp/terraform-plugin-go v0.31.0
	google.golang.org/grpc v1.76.0
)
