package flamingo

import (
	"encoding/json"

	"dragoman/model"
)

// describeOwn collects the small files of a system of ours. Its frozen parts are in the packed file with it, below their modules, and what was
// trained is below bridgeOf.
func (m *Model) describeOwn(k *model.Packer) error {
	c, text := m.own.config, m.own.text
	var err error
	if c.Vision, err = c.Vision.Inside(model.VisionModule); err != nil {
		return err
	}
	if c.Language, err = c.Language.Inside(languageOf); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	k.Begin(typeOwn, append(raw, '\n'))
	return k.AddPart(text.file, text.at, languageOf)
}
