package wire

import "time"

// PutFunctionInput registers a function, or changes all of one
// (rota.PutFunction). It has either Command and what belongs to it, or
// Remote.
type PutFunctionInput struct {
	FunctionName   string
	TimeoutSeconds int `json:",omitempty"` // of one invocation; 0: 30

	Command     []string          `json:",omitempty"` // the program and its arguments
	Folder      string            `json:",omitempty"` // on the server's machine, absolute
	Handler     string            `json:",omitempty"`
	Environment map[string]string `json:",omitempty"` // kept sealed, and never shown again
	MemoryMB    int               `json:",omitempty"` // 0: 256

	Remote *RemoteFunction `json:",omitempty"`
}

// RemoteFunction is a function behind the Lambda Invoke API.
type RemoteFunction struct {
	FunctionName        string // name or ARN there
	Region              string `json:",omitempty"`
	Endpoint            string `json:",omitempty"` // "": AWS's own
	CredentialsSecretId string `json:",omitempty"` // "": the AWS credentials that the server has
}

// PutFunctionOutput is the function as it is now.
type PutFunctionOutput struct{ Function ShownFunction }

// ShownFunction is a registered function.
type ShownFunction struct {
	FunctionName   string
	FunctionArn    string
	Kind           string // local or remote
	TimeoutSeconds int
	Command        []string        `json:",omitempty"`
	Folder         string          `json:",omitempty"`
	Handler        string          `json:",omitempty"`
	Variables      []string        `json:",omitempty"` // names of its own environment
	MemoryMB       int             `json:",omitempty"`
	Remote         *RemoteFunction `json:",omitempty"`
	Created        time.Time
	Changed        time.Time
}

// ListFunctionsInput asks for all functions of the region
// (rota.ListFunctions). It has no members.
type ListFunctionsInput struct{}

// ListFunctionsOutput is all of them by name.
type ListFunctionsOutput struct{ Functions []ShownFunction }

// GetFunctionInput asks for one function (rota.GetFunction).
type GetFunctionInput struct{ FunctionName string }

// GetFunctionOutput is that function.
type GetFunctionOutput struct{ Function ShownFunction }

// DeleteFunctionInput removes a function (rota.DeleteFunction).
type DeleteFunctionInput struct{ FunctionName string }

// DeleteFunctionOutput has no members.
type DeleteFunctionOutput struct{}

// InvokeInput is what the record of an invocation tells.
type InvokeInput struct {
	FunctionName   string
	InvocationType string
	SecretId       string // that the payload names
}
