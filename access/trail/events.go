package trail

import (
	"cmp"

	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/store"
)

// Events makes the rows of the outbox out of what the store does: it is the
// Tell of store.Config.
type Events struct {
	NewID func() string // UUIDs
	// NoAudit leaves out what would go to the audit log.
	NoAudit bool
}

// Row is the row that tells of a happening; ok is false for what is not told.
func (e Events) Row(h store.Happening) (row store.OutboxRow, ok bool) {
	id := e.NewID()
	if h.What == store.LabelUpdated {
		l := audit.LabelEvent{
			ID: id, Time: h.At, Account: h.Secret.Account, Region: h.Secret.Region, ARN: h.ARN, Name: h.Name, Label: h.Label, Version: h.Version,
		}
		return store.OutboxRow{Kind: store.ToEvents, ID: id, Body: l.AppendJSON(nil)}, true
	}
	if e.NoAudit {
		return row, false
	}
	return store.OutboxRow{Kind: store.ToAudit, ID: id, Body: serviceEvent(id, h).AppendJSON(make([]byte, 0, 1024))}, true
}

// serviceEvent is a happening in CloudTrail's shape. Why something failed is
// its error; why it began is told beside.
func serviceEvent(id string, h store.Happening) audit.Event {
	why := ""
	switch h.What {
	case store.RotationFailed, store.RotationAbandoned, store.TestRotationFailed, store.ReplicationFailed, store.CredentialNotProven:
		why = h.Cause
	}
	// What is about no version, such as a replication, is a turn of its own.
	e := audit.Service(id, cmp.Or(h.Version, id), string(h.What), h.At, h.Secret.Account, h.Secret.Region, h.ARN, why)
	switch h.What {
	case store.CredentialProvenDead, store.CredentialNotProven:
		e.Source = audit.OwnSource
	}
	e.Additional.Text("VersionId", h.Version)
	e.Additional.Text("ReplicaRegion", h.Region)
	if why == "" {
		e.Additional.Text("Cause", h.Cause)
	}
	return e
}
