// Package model holds what every whole system has in common: where its files are, and how its language model is bound. Each system is
// a package below this one.
package model
