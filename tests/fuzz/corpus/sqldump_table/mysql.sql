CREATE TABLE `orders` (
  `id` int NOT NULL AUTO_INCREMENT,
  `note` varchar(40) COLLATE utf8mb4_bin DEFAULT 'AS (;`',
  `price` decimal(10,2) DEFAULT NULL,
  `twice` decimal(12,2) GENERATED ALWAYS AS ((`price` * 2)) STORED,
  `pic` blob,
  `flags` bit(10) DEFAULT NULL,
  `hidden` int DEFAULT (1 + 2) /*!80023 INVISIBLE */,
  PRIMARY KEY (`id`),
  KEY `note` (`note`(10) DESC)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='it''s; fine';
