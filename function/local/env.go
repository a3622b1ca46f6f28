package local

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Session is the credentials that a function's process works with. The zero
// value is none.
type Session struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
}

// Path is where programs are looked for, unless a function has a PATH of its
// own.
const Path = "/usr/local/bin:/usr/bin:/bin:/opt/bin"

// reserved are the variables that are rota's to set. Lambda reserves its own
// the same way
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SECRETS_MANAGER", EndpointVariable,
}

// EndpointVariable in a function's own environment is the address of another
// server, whose secrets it rotates. Such a function brings the credentials for
// that server as well, and is given none of this one.
const EndpointVariable = "SECRETS_MANAGER_ENDPOINT"

// brought is what a function for the secrets of another server sets itself.
var brought = []string{EndpointVariable, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"}

// variable is the alphabet of names; Lambda's own wants two characters at least
// (https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html).
var variable = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)

// CheckEnvironment refuses a function's own environment with a variable that
// is rota's to set, or that no environment can hold, and an address of secrets
// without credentials for it.
func CheckEnvironment(env map[string]string) error {
	elsewhere := env[EndpointVariable] != ""
	for _, name := range slices.Sorted(maps.Keys(env)) {
		switch {
		case !variable.MatchString(name) || strings.ContainsRune(env[name], 0):
			return fmt.Errorf("the environment variable %q is none: a name begins with a letter and has letters, digits and _, and a value has no zero byte", name)
		case elsewhere && slices.Contains(brought, name):
		case slices.Contains(reserved, name) || strings.HasPrefix(name, "AWS_LAMBDA_"):
			return fmt.Errorf("the environment variable %s is set by rota: leave it out", name)
		}
	}
	if elsewhere && (env["AWS_ACCESS_KEY_ID"] == "" || env["AWS_SECRET_ACCESS_KEY"] == "") {
		return fmt.Errorf("a function for the secrets at another %s needs its own AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for that server", EndpointVariable)
	}
	return nil
}

// environ is the whole environment of a function's process: what Lambda sets,
// where the secrets are, and the function's own. Nothing of rota's is in it,
// and nothing leads an AWS SDK to credentials that are not its own.
func (s Spec) environ(address, scratch string, now time.Time) []string {
	env := []string{
		"PATH=" + Path,
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
		"HOME=" + scratch,
		"TMPDIR=" + scratch,
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
	}
	own := map[string]string{}
	for _, v := range s.Env {
		name, value, _ := strings.Cut(v, "=")
		own[name] = value
		env = slices.DeleteFunc(env, func(have string) bool { return strings.HasPrefix(have, name+"=") })
		env = append(env, v)
	}
	set := func(name, value string) {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	set("AWS_LAMBDA_RUNTIME_API", address)
	set("_HANDLER", s.Handler)
	set("LAMBDA_TASK_ROOT", s.Folder)
	set("LAMBDA_RUNTIME_DIR", s.Folder)
	set("AWS_LAMBDA_FUNCTION_NAME", s.Name)
	set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
	set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", strconv.FormatInt(s.Memory>>20, 10))
	set("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/"+s.Name)
	set("AWS_LAMBDA_LOG_STREAM_NAME", now.UTC().Format("2006/01/02")+"/[$LATEST]"+strings.ReplaceAll(s.ID, "-", ""))
	set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
	if elsewhere := own[EndpointVariable]; elsewhere != "" {
		set("AWS_ENDPOINT_URL_SECRETS_MANAGER", elsewhere)
		if own["AWS_REGION"] == "" {
			set("AWS_REGION", s.Region)
		}
		set("AWS_DEFAULT_REGION", cmp.Or(own["AWS_REGION"], s.Region))
		return env
	}
	set("AWS_REGION", s.Region)
	set("AWS_DEFAULT_REGION", s.Region)
	set(EndpointVariable, s.Endpoint)
	set("AWS_ENDPOINT_URL_SECRETS_MANAGER", s.Endpoint)
	set("AWS_ACCESS_KEY_ID", s.Session.AccessKeyID)
	set("AWS_SECRET_ACCESS_KEY", s.Session.SecretAccessKey)
	set("AWS_SESSION_TOKEN", s.Session.SessionToken)
	return env
}
