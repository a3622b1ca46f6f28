package trail

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

func TestWhatIsAboutNoVersionHasARequestIDOfItsOwn(t *testing.T) {
	e := Events{NewID: func() string { return "5f0c7e9a-0000-4000-8000-000000000001" }}
	row, ok := e.Row(store.Happening{
		What: store.ReplicationStarted, At: time.Unix(0, 0), Secret: rota.Key{Account: "123456789012", Region: "eu-west-1"}, ARN: "arn:s", Region: "us-east-2",
	})
	var told map[string]any
	if err := json.Unmarshal(row.Body, &told); err != nil || !ok {
		t.Fatal(err, ok)
	}
	if id := told["requestID"]; id != "Rotation-arn:s-5f0c7e9a-0000-4000-8000-000000000001" {
		t.Errorf("the request id is %v", id)
	}
}
