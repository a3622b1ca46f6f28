package store

import "time"

// PrincipalRow is a user or a role. Its policies and access keys are rows of
// their own.
type PrincipalRow struct {
	ARN      string // the account is in it
	Name     string // user/NAME or role/NAME, without the path and in lower case: nobody has another's
	ID       string // AIDA… or AROA…; one that is made later with the same ARN has another
	Disabled bool
	Created  time.Time
	Changed  time.Time // it or its policies
}

// PrincipalPolicy is an identity policy of a principal.
type PrincipalPolicy struct {
	Principal  string // ARN
	Name       string
	Document   string
	FullAccess bool // a statement allows everything on everything
	Denies     bool // a statement denies something
	Changed    time.Time
}

// AccessKeyRow is an access key with its secret half, sealed.
type AccessKeyRow struct {
	ID        string
	Principal string // ARN
	Inactive  bool
	Created   time.Time
	Used      time.Time // about; zero: never
	SealKey   string
	Blob      []byte
}
