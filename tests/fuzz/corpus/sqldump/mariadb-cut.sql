/*M!999999\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version	10.11.19-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

--
-- Sequence structure for `s1`
--

DROP SEQUENCE IF EXISTS `s1`;
CREATE SEQUENCE `s1` start with 100 minvalue 1 maxvalue 9223372036854775806 increment by 5 cache 1000 nocycle ENGINE=InnoDB;
DO SETVAL(`s1`, 5100, 0);

--
-- Sequence structure for `s2`
--

DROP SEQUENCE IF EXISTS `s2`;
CREATE SEQUENCE `s2` start with 1 minvalue 1 maxvalue 9223372036854775806 increment by 1 cache 1000 nocycle ENGINE=InnoDB;
DO SETVAL(`s2`, 1, 0);

--
-- Table structure for table `customers`
--

DROP TABLE IF EXISTS `customers`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `customers` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(40) NOT NULL DEFAULT 'it''s; (x)',
  `note` text DEFAULT NULL,
  `raw` varbinary(30) DEFAULT NULL,
  `pic` blob DEFAULT NULL,
  `price` decimal(10,2) DEFAULT NULL,
  `f` double DEFAULT NULL,
  `fl` float DEFAULT NULL,
  `d` date DEFAULT NULL,
  `ts` timestamp(3) NULL DEFAULT NULL,
  `e` enum('a','b;)','c''d') DEFAULT NULL,
  `s` set('x','y') DEFAULT NULL,
  `b` bit(10) DEFAULT NULL,
  `yr` year(4) DEFAULT NULL,
  `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`)),
  `g` int(11) GENERATED ALWAYS AS (`yr` * 2) STORED,
  `v` varchar(50) GENERATED ALWAYS AS (concat(`name`,'!')) VIRTUAL,
  `big` bigint(20) unsigned DEFAULT NULL,
  `u` uuid DEFAULT NULL,
  `ip` inet6 DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `u1` (`name`),
  KEY `k2` (`note`(10)),
  FULLTEXT KEY `ft` (`note`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci COMMENT='semi; colon'' `x`';
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `customers`
--

SET @OLD_AUTOCOMMIT=@@AUTOCOMMIT, @@AUTOCOMMIT=0;
/*!40000 ALTER TABLE `customers` DISABLE KEYS */;
INSERT INTO `customers` VALUES
(1,'a','x\');\nINSERT INTO `customers` VALUES (1','\0ÿ\'','',1.50,1e300,0.1,'2020-01-01','2020-01-01 00:00:00.123','b;)','x,y','ª',1999,'{\"a\":\"b\\\\\"}',3998,'a!',18446744073709551615,'123e4567-e89b-12d3-a456-426655440000','::1'),
(2,'b\'q\\',NULL,NULL,'abc\0\Z',-1.00,0,NULL,NULL,NULL,'c\'d','','\0\0',2000,NULL,4000,'b\'q\\!',NULL,NULL,NULL),
(3,'','','','',0.00,1.5,3,'0001-01-01',NULL,'a','x','\0',1901,'[]',3802,'!',0,NULL,NULL);
/*!40000 ALTER TABLE `customers` ENABLE KEYS */;
COMMIT;
SET AUTOCOMMIT=@OLD_AUTOCOMMIT;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;
/*!50003 SET chara