package tensor

// grouped is a convolution of several groups of several channels each: a dense one a group, side by side.
func (r *Run) grouped(x, w, b *Tensor, a ConvArgs) *Tensor {
	groups := a.Groups
	in, out := x.Dim(3)/groups, w.Dim(0)/groups
	a.Groups = 1
	parts := make([]*Tensor, groups)
	for g := range parts {
		var bias *Tensor
		if b != nil {
			bias = r.Slice(b, 0, g*out, (g+1)*out)
		}
		parts[g] = r.Conv2D(r.Slice(x, 3, g*in, (g+1)*in), r.Slice(w, 0, g*out, (g+1)*out), bias, a)
	}
	return r.Concat(3, parts...)
}

// inGroups says whether a convolution is grouped, and neither dense nor one of a channel a group.
func inGroups(x, w *Tensor, a ConvArgs) bool {
	if a.Groups <= 1 || len(x.shape) != 4 || len(w.shape) != 4 {
		return false
	}
	channels, out := x.shape[3], w.shape[0]
	fits := channels%a.Groups == 0 && out%a.Groups == 0 && w.shape[1] == channels/a.Groups
	return fits && (a.Groups != channels || out != channels)
}
