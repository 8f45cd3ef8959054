// Package eval measures what a model says and finds: caption metrics (exact match, BLEU-4, ROUGE-L, CIDEr-D, a shared content
// word) over tokens as the Penn Treebank splits them, VQA accuracy of answers, and retrieval (recall at 1, 5 and 10, both ways, by
// cosine and with the matching head). A Report holds the figures of one evaluation, and prints itself as a table or as JSON.
package eval
