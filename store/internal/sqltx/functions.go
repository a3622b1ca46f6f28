package sqltx

import (
	"encoding/json"

	"github.com/rotahq/rota/store"
)

var functions = newTable("functions", 3, "account region name definition seal_key env created changed")

var putFunction = functions.upsert()

func scanFunction(row scanner) (f store.FunctionRow, err error) {
	var definition string
	if err = row.Scan(&f.Account, &f.Region, &f.Name, &definition, &f.SealKey, &f.Blob, asTime{&f.Created}, asTime{&f.Changed}); err != nil {
		return f, err
	}
	if len(f.Blob) == 0 {
		f.Blob = nil
	}
	err = json.Unmarshal([]byte(definition), &f.Definition)
	return f, err
}

// Function reads a function.
func (t *Tx) Function(account, region, name string) (store.FunctionRow, bool, error) {
	return one(t, scanFunction, "SELECT "+functions.columns("")+" FROM functions WHERE account = $1 AND region = $2 AND name = $3", account, region, name)
}

// Functions lists the functions of a region by name.
func (t *Tx) Functions(account, region string) ([]store.FunctionRow, error) {
	return all(t, scanFunction, "SELECT "+functions.columns("")+" FROM functions WHERE account = $1 AND region = $2 ORDER BY name", account, region)
}

// PutFunction writes a function.
func (t *Tx) PutFunction(f store.FunctionRow) error {
	definition, err := json.Marshal(f.Definition)
	if err != nil {
		return err
	}
	blob := f.Blob
	if blob == nil {
		blob = []byte{}
	}
	return t.exec(putFunction, f.Account, f.Region, f.Name, string(definition), f.SealKey, blob, Milli(f.Created), Milli(f.Changed))
}

// DeleteFunction removes a function.
func (t *Tx) DeleteFunction(account, region, name string) error {
	return t.exec("DELETE FROM functions WHERE account = $1 AND region = $2 AND name = $3", account, region, name)
}
