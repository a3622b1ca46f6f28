package rotation_test

import (
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

func TestReachIsOfTheMembersThatSomeRotatorSendsTo(t *testing.T) {
	m := rotationtest.NewProvider(noFault()).Minting(0)
	as := func(d rotation.Descriptor) rotation.Rotator {
		return described{m.(rotation.Minter), m.(rotation.Lister), d}
	}
	catalog, err := rotation.NewCatalog(
		as(rotation.Descriptor{Name: "door", Type: "DoorKey", Fields: []rotation.Field{{Name: "door", Address: true}, {Name: "code"}}}),
		as(rotation.Descriptor{Name: "api", Type: "APIKey", Fields: []rotation.Field{{Name: "token"}}, Admin: []rotation.Field{{Name: "url", Address: true}, {Name: "root"}}}),
	)
	if err != nil {
		t.Fatal(err)
	}
	serves := tags(rotation.TagServes, "@")
	for what, c := range map[string]struct {
		secret rota.Secret
		member string
		moves  bool
	}{
		"no rotator":                                  {rota.Secret{}, "host", false},
		"somebody's function":                         {rota.Secret{Rotation: rota.Rotation{Function: lambda + "mine"}}, "host", true},
		"a rotator's address":                         {rota.Secret{Type: "DoorKey"}, "door", true},
		"what is no address of it":                    {rota.Secret{Type: "DoorKey"}, "code", false},
		"the address of another":                      {rota.Secret{Type: "DoorKey"}, "host", false},
		"its admin secret":                            {rota.Secret{Type: "DoorKey"}, "masterarn", true},
		"an admin secret, by AWS's names":             {rota.Secret{Tags: serves}, "host", true},
		"an admin secret, of any rotator":             {rota.Secret{Tags: serves}, "url", true},
		"an admin secret that looks like its secrets": {rota.Secret{Tags: serves}, "door", true},
		"another password of it":                      {rota.Secret{Tags: serves}, "root", false},
		"one that is rotated itself, by AWS's names":  {rota.Secret{Type: "DoorKey", Tags: serves}, "host", true},
		"an admin secret that is rotated itself":      {rota.Secret{Type: "DoorKey", Tags: serves}, "url", true},
	} {
		at := func(v string) string {
			return rotation.Reach(catalog, c.secret, rota.StringValue(`{"`+c.member+`":"`+v+`"}`))
		}
		if moves := at("here") != at("there"); moves != c.moves {
			t.Errorf("%s: another %s is another destination: %v, want %v", what, c.member, moves, c.moves)
		}
	}
}
