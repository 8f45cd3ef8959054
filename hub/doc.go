// Package hub keeps models in the Hugging Face cache and fetches them from a
// hub, with the layout and the protocol that huggingface_hub 2 has, so that
// Python finds what was pulled here and the other way round.
//
// A model lies in the cache as
//
//	models--ORG--NAME/blobs/ETAG               the bytes, named by their hash
//	models--ORG--NAME/snapshots/COMMIT/FILE    a relative link to them
//	models--ORG--NAME/refs/main                the commit of a branch or tag
//	models--ORG--NAME/.no_exist/COMMIT/FILE    remembered: there is no such file
//	models--ORG--NAME/trees/COMMIT.json        the list of files, of a whole snapshot
//	.locks/models--ORG--NAME/ETAG.lock         held while ETAG is fetched
//	CACHEDIR.TAG
//
// [Hub.Find] looks a model up without a network. [Hub.Pull] asks the hub for the
// commit and its files, fetches what is missing, several files at a time, and
// checks each against its hash: SHA-256 for large files, git's SHA-1 for the
// others. What is under way is ETAG.incomplete beside the blobs; whatever stops
// a pull leaves it there, and the next one goes on from its end.
//
// Nothing that a hub says is trusted: names that lead outside of the folder are
// refused, sizes and hashes are checked, and the token is sent to no other host
// than the hub.
package hub
