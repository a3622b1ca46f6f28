package rotation

// Settings are the resolved settings of one secret, by kebab-case name.
type Settings map[string]string

// The settings that every rotator has.
const (
	SettingRotator  = "rotator"
	SettingStrategy = "strategy"
	SettingExpire   = "expire"
	SettingAdmin    = "admin"
)

// The strategies.
const (
	SingleUser       = "single-user"
	AlternatingUsers = "alternating-users"
)
