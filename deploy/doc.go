// Package deploy holds no code: it is what brings rota to where it runs, as
// templates, and the tests that read them.
package deploy
