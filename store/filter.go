package store

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rotahq/rota"
)

// Filter selects secrets of a list: all filters must match, and one of the
// values of each. A value that begins with ! matches what the rest does not
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html).
type Filter struct {
	Key    string
	Values []string
}

// match decides if a secret is listed.
type match func(rota.Secret) bool

// compiled is a list of filters, read.
type compiled struct {
	match  match
	tags   bool       // match looks at the tags
	narrow []Prefixes // each of them lets through all that match
}

// compile reads filters. A key that AWS does not have is Validation, a filter
// without values InvalidParameter.
func compile(filters []Filter) (c compiled, err error) {
	var every []match
	for i, f := range filters {
		one, ok := matchers[f.Key]
		if !ok {
			return c, rota.E(rota.Validation, "1 validation error detected: Value '%s' at 'filters.%d.member.key' failed to satisfy constraint: "+
				"Member must satisfy enum value set: [description, name, tag-key, tag-value, primary-region, owning-service, all]", f.Key, i+1)
		}
		if len(f.Values) == 0 {
			return c, rota.E(rota.InvalidParameter, "Invalid filter values for key: %s", f.Key)
		}
		every = append(every, anyOf(one, f.Values))
		c.tags = c.tags || f.Key == PrefixOfTagKey || f.Key == PrefixOfTagValue || f.Key == "all"
		if f.narrows() {
			c.narrow = append(c.narrow, Prefixes{Of: f.Key, Any: f.Values})
		}
	}
	c.match = func(s rota.Secret) bool {
		for _, m := range every {
			if !m(s) {
				return false
			}
		}
		return true
	}
	return c, nil
}

// narrows says whether an index finds what the filter lets through.
func (f Filter) narrows() bool {
	return (f.Key == PrefixOfName || f.Key == PrefixOfTagKey || f.Key == PrefixOfTagValue) && !slices.ContainsFunc(f.Values, func(v string) bool {
		return v == "" || v[0] == '!' || !utf8.ValidString(v) || strings.ContainsRune(v, utf8.MaxRune)
	})
}

func anyOf(one func(rota.Secret, string) bool, values []string) match {
	return func(s rota.Secret) bool {
		for _, v := range values {
			wanted, negated := strings.CutPrefix(v, "!")
			if one(s, wanted) != negated {
				return true
			}
		}
		return false
	}
}

var matchers = map[string]func(rota.Secret, string) bool{
	"name": func(s rota.Secret, v string) bool { return strings.HasPrefix(s.Name, v) },
	"description": func(s rota.Secret, v string) bool {
		return wordsMatch(strings.Fields(s.Description), strings.Fields(v))
	},
	"tag-key": func(s rota.Secret, v string) bool {
		return anyTag(s, func(t rota.Tag) bool { return strings.HasPrefix(t.Key, v) })
	},
	"tag-value": func(s rota.Secret, v string) bool {
		return anyTag(s, func(t rota.Tag) bool { return strings.HasPrefix(t.Value, v) })
	},
	// What is not replicated has no primary region.
	"primary-region": func(s rota.Secret, v string) bool {
		return s.PrimaryRegion != "" && strings.HasPrefix(s.PrimaryRegion, v)
	},
	// No service of AWS owns a secret here.
	"owning-service": func(rota.Secret, string) bool { return false },
	"all": func(s rota.Secret, v string) bool {
		words := append(tokens(s.Name), tokens(s.Description)...)
		for _, t := range s.Tags {
			words = append(append(words, tokens(t.Key)...), tokens(t.Value)...)
		}
		return wordsMatch(words, tokens(v))
	},
}

func anyTag(s rota.Secret, f func(rota.Tag) bool) bool {
	for _, t := range s.Tags {
		if f(t) {
			return true
		}
	}
	return false
}

// wordsMatch says whether each wanted word begins some word, whatever the
// case. No word matches nothing.
func wordsMatch(words, wanted []string) bool {
	for _, w := range wanted {
		found := false
		for _, have := range words {
			if len(have) >= len(w) && strings.EqualFold(have[:len(w)], w) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return len(wanted) > 0
}

// specials are the characters at which the filter "all" parts words.
const specials = "/-_+=.@"

// tokens parts a text as the filter "all" does: at white space; at a special
// character, if the word has only one kind of them; at changes of case; and
// between letters and digits.
func tokens(text string) []string {
	var out []string
	for _, word := range strings.Fields(text) {
		if kinds(word) > 1 {
			out = append(out, word)
			continue
		}
		for _, part := range strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune(specials, r) }) {
			out = append(out, splitCase(part)...)
		}
	}
	return out
}

// kinds counts the different special characters.
func kinds(word string) int {
	n := 0
	for _, r := range specials {
		if strings.ContainsRune(word, r) {
			n++
		}
	}
	return n
}

// splitCase parts AppBeta into App and Beta, COMPANYthings into COMPAN and
// Ythings, and db2 into db and 2.
func splitCase(word string) []string {
	r := []rune(word)
	var out []string
	start := 0
	for i := 1; i < len(r); i++ {
		cut := false
		switch a, b := r[i-1], r[i]; {
		case unicode.IsLower(a) && unicode.IsUpper(b):
			cut = true
		case unicode.IsUpper(a) && unicode.IsUpper(b) && i+1 < len(r) && unicode.IsLower(r[i+1]):
			cut = true
		case unicode.IsDigit(a) != unicode.IsDigit(b):
			cut = true
		}
		if cut {
			out = append(out, string(r[start:i]))
			start = i
		}
	}
	return append(out, string(r[start:]))
}
