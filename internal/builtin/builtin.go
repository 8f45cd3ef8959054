// Package builtin is where a package that carries a model's files (mini) leaves them, and where those who open models find
// them, as time finds time/tzdata: importing the carrier is all that a program does.
package builtin

import (
	"maps"
	"slices"
	"sync"
)

var (
	mu     sync.RWMutex
	models = map[string]map[string][]byte{}
)

// Register makes a model's files available under a name. The bytes are shared and must not change. It panics when the name
// is taken: two packages carry the same model.
func Register(model string, files map[string][]byte) {
	mu.Lock()
	defer mu.Unlock()
	if _, taken := models[model]; taken {
		panic("builtin: model " + model + " is registered twice")
	}
	models[model] = files
}

// Files are a registered model's, by name; ok is false where no package carries it. They must not be written to.
func Files(model string) (files map[string][]byte, ok bool) {
	mu.RLock()
	defer mu.RUnlock()
	files, ok = models[model]
	return files, ok
}

// Models lists the registered names.
func Models() []string {
	mu.RLock()
	defer mu.RUnlock()
	return slices.Sorted(maps.Keys(models))
}
