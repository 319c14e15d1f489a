// FerretDB with its SQLite backend: ferretdb ADDRESS FOLDER.
//
// Of its own command line the Go module lacks generated files, so the library is embedded. Whoever
// connects is told the version of the module, which a library does not tell by itself.
package main

import (
	"context"
	"log"
	"os"
	"runtime/debug"

	"github.com/FerretDB/FerretDB/build/version"
	"github.com/FerretDB/FerretDB/ferretdb"
)

const module = "github.com/FerretDB/FerretDB"

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: ferretdb ADDRESS FOLDER")
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: os.Args[1]},
		Handler:   "sqlite",
		SQLiteURL: "file:" + os.Args[2] + "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	tellVersion()
	if err := server.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func tellVersion() {
	built, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	for _, dependency := range built.Deps {
		if dependency.Path == module {
			version.Get().Version = dependency.Version
		}
	}
}
