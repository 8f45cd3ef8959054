package clip

import (
	"fmt"

	"dragoman/internal/plainjson"
)

// OpenCLIPConfig is the file that open_clip writes beside its checkpoints.
const OpenCLIPConfig = "open_clip_config.json"

// ReadOpenCLIP takes from open_clip's configuration what Detect cannot see in tensors: the width of a head, the activation, and the norms' eps.
// What is left out has open_clip's default.
func (c *Config) ReadOpenCLIP(data []byte) error {
	var j struct {
		Model struct {
			Quick  bool `json:"quick_gelu"`
			Vision struct {
				Timm      string `json:"timm_model_name"`
				HeadWidth int    `json:"head_width"`
				Norm      struct {
					Eps float32 `json:"eps"`
				} `json:"norm_kwargs"`
				Act struct {
					Approximate string `json:"approximate"`
				} `json:"act_kwargs"`
			} `json:"vision_cfg"`
		} `json:"model_cfg"`
	}
	v := &j.Model.Vision
	v.HeadWidth, v.Norm.Eps = 64, 1e-5
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("%s: %w", OpenCLIPConfig, err)
	}
	switch {
	case v.Timm != "":
		return fmt.Errorf("%s: an encoder out of timm (%.60s) is not supported", OpenCLIPConfig, v.Timm)
	case v.HeadWidth < 1 || c.HiddenSize%v.HeadWidth != 0:
		return fmt.Errorf("%s: heads of %d for a width of %d", OpenCLIPConfig, v.HeadWidth, c.HiddenSize)
	}
	act, err := OpenCLIPAct(j.Model.Quick, v.Act.Approximate)
	if err != nil {
		return err
	}
	c.Act, c.Heads, c.Eps = act, c.HiddenSize/v.HeadWidth, v.Norm.Eps
	if err := c.Check(); err != nil {
		return fmt.Errorf("%s: %w", OpenCLIPConfig, err)
	}
	return nil
}

// OpenCLIPAct is an encoder's activation by quick_gelu, and by approximate of its act_kwargs.
func OpenCLIPAct(quick bool, approximate string) (string, error) {
	switch {
	case approximate != "" && approximate != "none" && (approximate != "tanh" || quick):
		return "", fmt.Errorf("%s: act_kwargs: approximate %.60q is not supported", OpenCLIPConfig, approximate)
	case quick:
		return "quick_gelu", nil
	case approximate == "tanh":
		return "gelu_pytorch_tanh", nil
	}
	return "gelu", nil
}
