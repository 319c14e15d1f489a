import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.ServerVersion;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;

/** mongo-java-server: Launch PORT [FILE]; without a file it keeps its data in memory. */
public final class Launch {
    private Launch() {}

    public static void main(String[] arguments) throws InterruptedException {
        AbstractMongoBackend backend =
                arguments.length > 1 ? new H2Backend(arguments[1]) : new MemoryBackend();
        // pymongo does not talk to the 3.6 that it says it is by itself.
        backend.version(ServerVersion.MONGO_5_0);
        MongoServer server = new MongoServer(backend);
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        Thread.currentThread().join();
    }
}
